import { siem } from '@mcpshield/contracts/siem'
import { notConfirmed } from '#lib/server/confirmed.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { destinationIn, shownTexts } from '../../forwarder-form.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals, params }) => ({
  forwarder: await locals.api(siem.rpc.getSiemForwarder, { forwarder_id: params.forwarderId }),
})

export const actions: Actions = {
  save: async ({ locals, params, request }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(shownTexts(texts), async () => {
      const which = { forwarder_id: params.forwarderId }
      const { destination } = await locals.api(siem.rpc.getSiemForwarder, which)
      await locals.api(siem.rpc.updateSiemForwarder, {
        ...which,
        name: texts['name'] ?? '',
        destination: destinationIn(destination.kind, texts),
      })
      return { saved: true }
    })
  },

  rotate: async ({ locals, params, request }) => {
    const texts = textsIn(await request.formData())
    return (
      notConfirmed(texts) ??
      orRefusal(texts, async () => {
        const { signing_secret } = await locals.api(siem.rpc.updateSiemForwarder, {
          forwarder_id: params.forwarderId,
          rotate_secret: true,
        })
        return { secret: signing_secret }
      })
    )
  },
}

import { redirect } from '@sveltejs/kit'
import { siem } from '@mcpshield/contracts/siem'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { destinationIn, kindOf, shownTexts } from '../../forwarder-form.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = ({ url }) => ({ kind: kindOf(url.searchParams.get('kind')) })

export const actions: Actions = {
  default: async ({ locals, request, url }) => {
    const texts = textsIn(await request.formData())
    const kind = kindOf(url.searchParams.get('kind'))
    return orRefusal(shownTexts(texts), async () => {
      const { id, signing_secret } = await locals.api(siem.rpc.createSiemForwarder, {
        name: texts['name'] ?? '',
        destination: destinationIn(kind, texts),
      })
      if (signing_secret === null) redirect(303, '/app/settings/siem')
      return { id, secret: signing_secret }
    })
  },
}

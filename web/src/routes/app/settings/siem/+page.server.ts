import { billing } from '@mcpshield/contracts/billing'
import { siem } from '@mcpshield/contracts/siem'
import { notConfirmed, notNamed } from '#lib/server/confirmed.ts'
import { endOfDay } from '#lib/last-day.ts'
import { missingRight } from '#lib/rights.ts'
import { ApiError } from '#lib/server/api.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import type { Actions, PageServerLoad } from './$types'

const LISTED = 50

export const load: PageServerLoad = async ({ locals: { api }, url, parent, depends }) => {
  depends('app:siem')
  const { organization } = await parent()
  const subscription = await api(billing.rpc.getSubscription, {})
  const isIncluded = subscription.plan.code === 'enterprise'
  if (missingRight(organization.role, 'administer') !== undefined) return { isIncluded }
  const page = (name: string) => {
    const cursor = url.searchParams.get(name)
    return { limit: LISTED, ...(cursor === null ? {} : { cursor }) }
  }
  try {
    const [credentials, forwarders] = await Promise.all([
      api(siem.rpc.listSiemCredentials, page('credentials')),
      api(siem.rpc.listSiemForwarders, page('cursor')),
    ])
    return { isIncluded, credentials, forwarders }
  } catch (refused) {
    if (!(refused instanceof ApiError) || ![503, 504].includes(refused.status)) throw refused
    return { isIncluded, unavailable: refused.message }
  }
}

export const actions: Actions = {
  createCredential: async ({ locals, request }) => {
    const texts = textsIn(await request.formData())
    const expires = endOfDay(texts['expires'])
    return orRefusal(texts, async () => ({
      made: await locals.api(siem.rpc.createSiemCredential, {
        name: texts['name'] ?? '',
        ...(expires === null ? {} : { expires_at: expires }),
      }),
    }))
  },

  revoke: async ({ locals, request }) => {
    const texts = textsIn(await request.formData())
    return (
      notNamed(texts) ??
      orRefusal(texts, async () => {
        await locals.api(siem.rpc.revokeSiemCredential, { credential_id: texts['credential_id'] ?? '' })
        return { revoked: texts['name_to_type'] }
      })
    )
  },

  test: async ({ locals, request }) => {
    const { id = '' } = textsIn(await request.formData())
    return orRefusal({}, async () => ({
      id,
      trial: await locals.api(siem.rpc.testSiemForwarder, { forwarder_id: id }),
    }))
  },

  pause: async ({ locals, request }) => {
    const texts = textsIn(await request.formData())
    const enabled = texts['enabled'] === 'true'
    return (
      (enabled ? undefined : notConfirmed(texts)) ??
      orRefusal(texts, async () => {
        await locals.api(siem.rpc.updateSiemForwarder, {
          forwarder_id: texts['forwarder_id'] ?? '',
          enabled,
        })
        return { saved: true }
      })
    )
  },

  remove: async ({ locals, request }) => {
    const texts = textsIn(await request.formData())
    return (
      notNamed(texts) ??
      orRefusal(texts, async () => {
        await locals.api(siem.rpc.deleteSiemForwarder, { forwarder_id: texts['forwarder_id'] ?? '' })
        return { removed: texts['name_to_type'] }
      })
    )
  },
}

import { auth } from '@mcpshield/contracts/auth'
import { orRefusal, refuse, textsIn, withoutSecrets } from '#lib/server/refusal.ts'
import { qrOf } from './qr.server.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals }) => {
  const { mfa_enabled: enabled } = await locals.api(auth.rpc.getMe, {})
  return { enabled }
}

export const actions: Actions = {
  begin: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(withoutSecrets(texts), async () => {
      const { secret, otpauth_uri } = await locals.api(auth.rpc.enrolTotp, {
        password: texts['password'] ?? '',
      })
      return enrolling(secret ?? '', otpauth_uri ?? '')
    })
  },

  /** The secret is shown once by the API: what the page shows comes back with the form, for when the code was wrong. */
  confirm: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    const values = withoutSecrets(texts)
    const answer = await orRefusal(values, async () => {
      const code = (texts['code'] ?? '').replace(/\D/g, '')
      const { recovery_codes } = await locals.api(auth.rpc.enrolTotp, { code })
      return { recoveryCodes: recovery_codes ?? [] }
    })
    if ('recoveryCodes' in answer || answer.data.type !== 'mfa_invalid') return answer
    const { status, data } = answer
    return refuse(status, { ...data, ...enrolling(texts['secret'] ?? '', texts['otpauth_uri'] ?? '') })
  },

  remove: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(withoutSecrets(texts), async () => {
      await locals.api(auth.rpc.removeTotp, proofIn(texts))
      return { done: 'begin', message: 'The second factor is off. Every other session was ended.' }
    })
  },

  renew: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(withoutSecrets(texts), async () => {
      const { recovery_codes } = await locals.api(auth.rpc.renewRecoveryCodes, proofIn(texts))
      return { recoveryCodes: recovery_codes }
    })
  },
}

const proofIn = (texts: Record<string, string>) => ({
  password: texts['password'] ?? '',
  otp: texts['otp'] ?? '',
})

const enrolling = (secret: string, uri: string) => ({ enrolling: { secret, uri, qr: qrOf(uri) } })

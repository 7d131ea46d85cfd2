// What the pages around a mailed code know from one to the next: kept in a cookie that scripts cannot read, so that
// no address and no token gets into a URL.
import type { Cookies } from '@sveltejs/kit'
import { z } from 'zod'

const PendingCode = z.object({
  email: z.string(),
  purpose: z.enum(['verify_email', 'reset_password']),
  /** Absent when it is not known that one was sent just now. */
  sent_at_ms: z.number().optional(),
  ends_at_ms: z.number().optional(),
  /** Of a code that was right: it may set a new password. */
  reset_token: z.string().optional(),
  /** Where the person wanted to go. */
  next: z.string().optional(),
})
export type PendingCode = z.infer<typeof PendingCode>

const NAME = 'pending-code'
const KEPT_S = 3_600
/** Before another code is offered. */
const RESEND_AFTER_MS = 30_000

export function pendingCode(cookies: Cookies): PendingCode | undefined {
  try {
    return PendingCode.parse(JSON.parse(cookies.get(NAME) ?? ''))
  } catch {
    return undefined
  }
}

export function setPendingCode(cookies: Cookies, url: URL, pending: PendingCode): void {
  cookies.set(NAME, JSON.stringify(pending), {
    path: '/auth',
    httpOnly: true,
    sameSite: 'lax',
    secure: url.protocol === 'https:',
    maxAge: KEPT_S,
  })
}

export function clearPendingCode(cookies: Cookies, url: URL): void {
  cookies.delete(NAME, { path: '/auth', httpOnly: true, secure: url.protocol === 'https:' })
}

/** `expiresIn`: seconds that the code is good for. */
export function sentNow(expiresIn: number): Pick<PendingCode, 'sent_at_ms' | 'ends_at_ms'> {
  const nowMs = Date.now()
  return { sent_at_ms: nowMs, ends_at_ms: nowMs + expiresIn * 1_000 }
}

/** What a page shows of it: times in seconds from now, as the browser's clock may differ. */
export function shownOf({ email, sent_at_ms, ends_at_ms }: PendingCode) {
  const seconds = (ms: number) => Math.max(0, Math.ceil((ms - Date.now()) / 1_000))
  return {
    email,
    resendInSeconds: sent_at_ms === undefined ? 0 : seconds(sent_at_ms + RESEND_AFTER_MS),
    endsInSeconds: ends_at_ms === undefined ? undefined : seconds(ends_at_ms),
  }
}

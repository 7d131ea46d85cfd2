// Why somebody is at the sign-in, said there. Other pages lead here with one of these names.
export const NOTICES = {
  verified: 'Your e-mail address is confirmed. Sign in.',
  'password-set': 'Your new password is set, and every session was ended. Sign in with it.',
  'email-changed': 'Your new e-mail address holds from now on. Sign in with it.',
  'sessions-ended': 'Every session was ended, this one too.',
  'session-ended': 'This session was ended.',
  deleted: 'Your account is deleted.',
} as const
export type NoticeName = keyof typeof NOTICES

export function noticeOf(query: URLSearchParams): string | undefined {
  if (query.has('ended')) return 'Your session has ended. Sign in again.'
  const name = query.get('notice') ?? ''
  return Object.hasOwn(NOTICES, name) ? NOTICES[name as NoticeName] : undefined
}

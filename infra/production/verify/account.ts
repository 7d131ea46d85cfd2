// Whose project the calls are made in: an account that is named, or one that is made and deleted again.
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ask } from './asking.ts'
import { Broken } from './findings.ts'
import { parsed } from './parts.ts'

export type Credentials = { email: string; password: string }
export type Session = {
  /** Asks the API as the person; a Broken for any refusal. */
  api<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T>
  /** Deletes the account, where it was made here. */
  leave(): Promise<void>
}

const MAIL_WITHIN_MS = 60_000
const READY_WITHIN_MS = 20_000

/** Signs in with an account that is there. */
export async function signIn(api: string, ask: Ask, { email, password }: Credentials): Promise<Session> {
  const { access_token } = await asJson<{ access_token: string }>(ask, `${api}/auth/login`, {
    method: 'POST',
    body: { email, password },
  })
  const headers = { authorization: `Bearer ${access_token}` }
  const session: Session = {
    api: (method, path, body, further = {}) =>
      asJson(ask, `${api}${path}`, {
        method,
        headers: { ...headers, ...further },
        ...(body === undefined ? {} : { body }),
      }),
    leave: async () => undefined,
  }
  // An organisation follows a registration by an event.
  await soon(READY_WITHIN_MS, () => session.api('GET', '/projects'))
  return session
}

/** Signs up as anybody may. `readCode` waits for the mailed code. */
export async function signUp(
  api: string,
  ask: Ask,
  {
    email = `verify-${randomUUID()}@example.com`,
    readCode,
  }: { email?: string; readCode(email: string): Promise<string> },
): Promise<Session> {
  const password = randomBytes(24).toString('base64url')
  const person = { email, password, first_name: 'Verify', last_name: 'Setup' }
  await asJson(ask, `${api}/auth/register`, { method: 'POST', body: person })
  const code = await readCode(email)
  const body = { email, purpose: 'verify_email', code }
  await asJson(ask, `${api}/auth/otp/verify`, { method: 'POST', body })
  const session = await signIn(api, ask, { email, password })
  return { ...session, leave: () => session.api('DELETE', '/me', { password }) }
}

/** The code out of a mailbox that speaks Mailpit's API. */
export function codeFromMailbox(mail: string, ask: Ask): (email: string) => Promise<string> {
  return (email) =>
    soon(MAIL_WITHIN_MS, async () => {
      const query = new URLSearchParams({ query: `to:"${email}"` })
      const url = `${mail}/api/v1/search?${query.toString()}`
      const { messages } = await asJson<{ messages: { ID: string }[] }>(ask, url)
      const id = messages[0]?.ID
      if (id === undefined) throw new Broken(`no mail has come for ${email}`)
      const { Text } = await asJson<{ Text: string }>(ask, `${mail}/api/v1/message/${id}`)
      const code = /^\s*(\d{6,10})\s*$/m.exec(Text)?.[1]
      if (code === undefined) throw new Broken('the mail has no code')
      return code
    })
}

/** Tries until it succeeds or the time is over; then its last error. */
export async function soon<T>(withinMs: number, attempt: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + withinMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > untilMs) throw error
      await sleep(250)
    }
  }
}

async function asJson<T>(ask: Ask, url: string, asked: Parameters<Ask>[1] = {}): Promise<T> {
  const { status, text } = await ask(url, asked)
  if (status >= 200 && status < 300) return (text === '' ? undefined : parsed<T>(text)) as T
  const detail = parsed<{ detail?: string }>(text)?.detail ?? text.slice(0, 200)
  throw new Broken(`${asked.method ?? 'GET'} ${new URL(url).pathname} answered ${status}: ${detail}`)
}

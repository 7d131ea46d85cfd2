// What people find in their mail, read from the local mailbox.
import { vi } from 'vitest'
import type { Stack } from '@mcpshield/infra/dev/stack.ts'

export type Mail = { ID: string; Subject: string; Text: string; HTML: string }

/** Mails to an address, newest first. */
export async function mailsTo(stack: Stack, email: string): Promise<Mail[]> {
  if (stack.mail === undefined) throw new Error('the test needs the local mailbox: SMTP_URL must not be set')
  const api = `${stack.mail}/api/v1`
  const search = new URLSearchParams({ query: `to:"${email}"` })
  const { messages } = await json<{ messages: { ID: string }[] }>(`${api}/search?${search.toString()}`)
  return Promise.all(messages.map(({ ID }) => json<Mail>(`${api}/message/${ID}`)))
}

/** Waits for a mail that has what is looked for, beyond the first `seen`. */
export function mailWith<T>(
  stack: Stack,
  email: string,
  find: (mail: Mail) => T | undefined,
  seen = 0,
): Promise<T> {
  const look = async () => {
    const mails = await mailsTo(stack, email)
    for (const mail of mails.slice(0, mails.length - seen)) {
      const found = find(mail)
      if (found !== undefined) return found
    }
    throw new Error(`nothing of the kind has come for ${email}`)
  }
  return vi.waitFor(look, { timeout: 30_000, interval: 100 })
}

/** The six digits of a code, of a mail beyond the first `seen`. */
export function mailedCode(stack: Stack, email: string, seen = 0): Promise<string> {
  return mailWith(stack, email, ({ Text }) => /^\s*(\d{6})\s*$/m.exec(Text)?.[1], seen)
}

/** The token of the newest invitation, out of the link `…/auth/accept-invitation?token=<token>`. */
export function invitationToken(stack: Stack, email: string): Promise<string> {
  return mailWith(stack, email, ({ Text }) =>
    (Text.match(/https?:\/\/\S+/g) ?? []).map(tokenOf).find((each) => each !== undefined),
  )
}

function tokenOf(link: string): string | undefined {
  const url = new URL(link)
  return url.pathname.includes('invitation') ? (url.searchParams.get('token') ?? undefined) : undefined
}

async function json<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T
}

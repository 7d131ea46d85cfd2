// People and what is theirs, made as they would make it: by the operator's hand, by invitation, over the REST API.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { vi } from 'vitest'
import { connectBus } from '@mcpshield/bus/connect'
import { auth } from '@mcpshield/contracts/auth'
import type { Role } from '@mcpshield/contracts/caller'
import { flow } from '@mcpshield/contracts/flow'
import { silent } from '@mcpshield/testkit/bus'
import type { Stack } from '@mcpshield/infra/dev/stack.ts'
import type { Http } from './http.ts'
import { invitationToken } from './mailbox.ts'

export type Person = { email: string; password: string; user_id: string; token: string }

const PASSWORD = 'orange-kettle-walks-27'

/** Makes a person whose address counts as verified, signed in, with their own organisation. */
export async function createPerson(stack: Stack, http: Http, name = 'Ada'): Promise<Person> {
  const email = `${name.toLowerCase()}-${randomUUID()}@example.com`
  const creds = readFileSync(stack.credsFile('operator'), 'utf8')
  await using bus = await connectBus(
    { url: stack.backing.natsUrl, creds, name: 'operator', log: silent },
    flow.operator,
  )
  const user = await bus.call(auth.rpc.createUser, {
    email,
    password: PASSWORD,
    first_name: name,
    last_name: 'Person',
  })
  const person = { email, password: PASSWORD, user_id: user.id, token: await signIn(http, email) }
  // The organisation follows the registration by an event.
  await vi.waitFor(() => send(http, person.token, 'GET', '/projects'), { timeout: 20_000, interval: 50 })
  return person
}

export async function signIn(http: Http, email: string): Promise<string> {
  const answer = await http({ method: 'POST', path: '/auth/login', body: { email, password: PASSWORD } })
  if (answer.status !== 200) throw new Error(`signing in: ${answer.status} ${answer.text}`)
  return answer.json<{ access_token: string }>().access_token
}

/** Sends what must succeed. */
export async function send<T>(
  http: Http,
  token: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const answer = await http({ method, path, token, headers, ...(body === undefined ? {} : { body }) })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
  return (answer.text === '' ? undefined : answer.json()) as T
}

/** A person who joins the owner's organisation by the link in a mail. */
export async function createMember(stack: Stack, http: Http, owner: Person, role: Role): Promise<Person> {
  const person = await createPerson(stack, http, role)
  await send(http, owner.token, 'POST', '/organization/invitations', { email: person.email, role })
  const invitation_token = await invitationToken(stack, person.email)
  await send(http, person.token, 'POST', '/organization/members', { invitation_token })
  return person
}

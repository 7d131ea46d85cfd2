// The servers' book of accounts: telling them of one while they run, and asking what they know of it. A connection of
// the system account, with these rights and no others.
import { connect as connectNats, credsAuthenticator, type Msg, type NatsConnection } from 'nats'
import { AppError } from '@mcpshield/contracts/errors'
import type { Log } from './log.ts'
import { inboxPrefix } from './permissions.ts'

/** The user of the system account that `bus-keys` is. */
export const RESOLVER_USER = 'bus-keys-system'
export const RESOLVER_SUBJECTS = [
  '$SYS.REQ.CLAIMS.LIST',
  '$SYS.REQ.CLAIMS.UPDATE',
  '$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP',
]

export type Resolver = AsyncDisposable & {
  /** Resolves when a server has written the account down; the others hear of it from there. */
  tell(accountJwt: string): Promise<void>
  /** The account's JWT; undefined when no server has it. */
  find(accountId: string): Promise<string | undefined>
  /** Milliseconds a round trip to the server takes; throws when it does not answer. */
  ping(): Promise<number>
}

const TIMEOUT_MS = 3_000

export async function connectResolver(options: { url: string; creds: string; log: Log }): Promise<Resolver> {
  const connection = await connectNats({
    servers: options.url,
    name: RESOLVER_USER,
    authenticator: credsAuthenticator(new TextEncoder().encode(`${options.creds.trim()}\n`)),
    inboxPrefix: inboxPrefix(RESOLVER_USER),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    waitOnFirstConnect: true,
    timeout: 30_000,
    ignoreClusterUpdates: true,
  })
  return {
    tell: (accountJwt) => tell(connection, accountJwt),
    find: (accountId) => find(connection, accountId),
    ping: async () => connection.rtt(),
    [Symbol.asyncDispose]: () => connection.close(),
  }
}

type Answer<T> = { error?: { description?: string }; data?: T }

async function tell(connection: NatsConnection, accountJwt: string): Promise<void> {
  const answer = await ask<{ code?: number }>(connection, '$SYS.REQ.CLAIMS.UPDATE', accountJwt)
  if (answer.error === undefined && answer.data?.code === 200) return
  const cause = new Error(answer.error?.description ?? 'not acknowledged')
  throw new AppError('UNAVAILABLE', 'The NATS server refused the account.', { cause })
}

/** Servers say nothing at all when they are asked for an account that they do not have: first which they have. */
async function find(connection: NatsConnection, accountId: string): Promise<string | undefined> {
  const { data: known = [] } = await ask<string[]>(connection, '$SYS.REQ.CLAIMS.LIST', '')
  if (!known.includes(accountId)) return undefined
  const reply = await request(connection, `$SYS.REQ.ACCOUNT.${accountId}.CLAIMS.LOOKUP`, '')
  return reply.string()
}

async function ask<T>(connection: NatsConnection, subject: string, body: string): Promise<Answer<T>> {
  return (await request(connection, subject, body)).json<Answer<T>>()
}

async function request(connection: NatsConnection, subject: string, body: string): Promise<Msg> {
  try {
    return await connection.request(subject, body, { timeout: TIMEOUT_MS })
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'The NATS server does not answer about its accounts.', { cause })
  }
}

// The servers' book of accounts: telling them of one while they run, and asking what they know of it. A connection of
// the system account, with these two rights and no others.
import { connect as connectNats, credsAuthenticator, type NatsConnection } from 'nats'
import { AppError } from '@mcpshield/contracts/errors'
import type { Log } from './log.ts'
import { inboxPrefix } from './permissions.ts'

/** The user of the system account that `bus-keys` is. */
export const RESOLVER_USER = 'bus-keys-system'
export const RESOLVER_SUBJECTS = ['$SYS.REQ.CLAIMS.UPDATE', '$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP']

export type Resolver = AsyncDisposable & {
  /** Resolves when a server has written the account down; the others hear of it from there. */
  tell(accountJwt: string): Promise<void>
  /** The account's JWT; undefined when no server has it. */
  find(accountId: string): Promise<string | undefined>
  /** Milliseconds a round trip to the server takes; throws when it does not answer. */
  ping(): Promise<number>
}

const TELL_WITHIN_MS = 3_000
/** Servers say nothing at all of an account that they do not have. */
const FIND_WITHIN_MS = 750

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

async function tell(connection: NatsConnection, accountJwt: string): Promise<void> {
  let answer: { error?: { description?: string }; data?: { code?: number } }
  try {
    const reply = await connection.request('$SYS.REQ.CLAIMS.UPDATE', accountJwt, { timeout: TELL_WITHIN_MS })
    answer = reply.json()
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'The NATS server did not take the account.', { cause })
  }
  if (answer.error === undefined && answer.data?.code === 200) return
  const cause = new Error(answer.error?.description ?? 'not acknowledged')
  throw new AppError('UNAVAILABLE', 'The NATS server refused the account.', { cause })
}

async function find(connection: NatsConnection, accountId: string): Promise<string | undefined> {
  try {
    const subject = `$SYS.REQ.ACCOUNT.${accountId}.CLAIMS.LOOKUP`
    const reply = await connection.request(subject, '', { timeout: FIND_WITHIN_MS })
    const text = reply.string()
    return text === '' ? undefined : text
  } catch (cause) {
    if (!connection.isClosed() && cause instanceof Error && cause.name === 'TimeoutError') return undefined
    throw new AppError('UNAVAILABLE', 'The NATS server does not say what accounts it has.', { cause })
  }
}

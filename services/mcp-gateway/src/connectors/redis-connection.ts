// A connection to a Redis server that one call at a time uses: opened in plain steps, never reconnected, so that no
// command is sent twice and none reaches another database than the URL's.
import { Redis, type RedisOptions } from 'ioredis'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { AppError } from '@mcpshield/contracts/errors'
import type { Reach } from '@mcpshield/upstream/reach'
import type { ConnectionSpec } from './connector.ts'

/** As it comes: bulk and simple strings as bytes, integers as text. */
export type Reply = Buffer | string | null | Reply[]

const CONNECT_TIMEOUT_MS = 5_000
const ANSWER_TIMEOUT_MS = 2_000

type Options = Omit<RedisOptions, 'replyMapping'>

/** Where the server is and who asks there. */
export type Address = {
  options: Options
  username: string
  password: string
  database: number
}

/** Parameters of the URL are refused: none is known here. */
export function addressOf(spec: ConnectionSpec): Address {
  const url = URL.parse(spec.url ?? '')
  const wrong = (why: string) => new AppError('INVALID_ARGUMENT', `The connection ${spec.name} ${why}.`)
  if (url === null) throw wrong('has no URL')
  if (!/^rediss?:$/.test(url.protocol)) throw wrong('needs a URL that begins with redis:// or rediss://')
  if (url.search !== '') throw wrong('has parameters in its URL; none is known')
  const database = url.pathname.slice(1) || '0'
  if (!/^\d{1,6}$/.test(database)) throw wrong('has a database in its URL that is not a number')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return {
    options: {
      host,
      port: Number(url.port || 6379),
      ...(url.protocol === 'rediss:' ? { tls: isIP(host) ? {} : { servername: host } } : {}),
      ...HOW_TO_SPEAK,
    },
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: Number(database),
  }
}

const HOW_TO_SPEAK: Options = {
  protocol: 2,
  lazyConnect: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  retryStrategy: null,
  reconnectOnError: null,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  disableClientInfo: true,
  stringNumbers: true,
}

export async function openConnection(spec: ConnectionSpec, address: Address, reach?: Reach): Promise<Redis> {
  const { host = 'localhost' } = address.options
  // The name of its certificate stays the one in the URL.
  const at = reach === undefined ? host : ipv4First(await reach(host))
  const redis = new Redis({ ...address.options, host: at })
  redis.on('error', () => undefined) // Whoever waits for a reply learns of it.
  const timer = setTimeout(() => hangUp(redis), CONNECT_TIMEOUT_MS)
  try {
    await redis.connect()
    const { username, password, database } = address
    if (password !== '') await send(redis, ['AUTH', ...(username === '' ? [] : [username]), password])
    if (database !== 0) await send(redis, ['SELECT', String(database)])
    await send(redis, ['PING'])
    return redis
  } catch (error) {
    hangUp(redis)
    // The message of a refused login may hold the name of the account.
    const cause = new Error(String((error as Error).message).split(' ')[0])
    throw new AppError('UNAVAILABLE', `The Redis behind the connection ${spec.name} cannot be reached.`, {
      cause,
    })
  } finally {
    clearTimeout(timer)
  }
}

/** The one address that is tried: servers that listen on one of two alone are reached by IPv4. */
function ipv4First(addresses: string[]): string {
  return addresses.find((each) => isIP(each) === 4) ?? addresses[0] ?? ''
}

/** Whether a connection that was idle still answers, within a moment. */
export async function answers(redis: Redis): Promise<boolean> {
  const timer = setTimeout(() => hangUp(redis), ANSWER_TIMEOUT_MS)
  return send(redis, ['PING'])
    .then(
      () => true,
      () => false,
    )
    .finally(() => clearTimeout(timer))
}

/**
 * Sends one command as an array of strings, whose line ends and blanks are data. The name goes in capitals: the
 * driver would reshape the replies of names that it knows.
 */
export function send(redis: Redis, [name = '', ...args]: readonly string[]): Promise<Reply> {
  return redis.callBuffer(name.toUpperCase(), args) as Promise<Reply>
}

/** Ends a connection at once; the server then lets go of what blocks it. */
export function hangUp(redis: Redis): void {
  redis.disconnect()
  streamOf(redis)?.destroy()
}

/** The socket, once there is one. */
export function streamOf(redis: Redis): Duplex | undefined {
  const stream: Duplex | undefined = redis.stream
  return stream
}

// Redis: one command at a time on a connection of its own, sent as the strings that were judged, after the live
// server itself has said that the command is of the kind that was decided and names the keys that were decided.
import type { Redis } from 'ioredis'
import { AppError } from '@mcpshield/contracts/errors'
import type { Reach } from '@mcpshield/upstream/reach'
import type { Answer, ConnectionSpec, Connector, Grant } from './connector.ts'
import { addressOf, answers, hangUp, openConnection, send, streamOf, type Reply } from './redis-connection.ts'
import { liveCommand, liveKeys } from './redis-live-command.ts'
import { answerOf, type Asked } from './redis-replies.ts'
import { whyOtherKeys, whyRefused } from './redis-wall.ts'
import type { ArgsOf, ConnectorToolName } from './tools.ts'
import { turns } from './turns.ts'

const MAX_CONNECTIONS = 8
/** What one reply may have beyond the byte cap before its connection is cut: one value may have 512 megabytes. */
const MAX_EXCESS_BYTES = 16 * 1024 * 1024

export function redisConnector(spec: ConnectionSpec, reach?: Reach): Connector {
  const address = addressOf(spec)
  const idle: Redis[] = []
  const inUse = new Set<Redis>()
  const take = turns(MAX_CONNECTIONS)
  let closed = false

  /** An idle connection that still answers, else a new one. */
  const borrow = async (): Promise<Redis> => {
    for (let redis = idle.pop(); redis !== undefined; redis = idle.pop()) {
      if (await answers(redis)) return redis
      hangUp(redis)
    }
    return openConnection(spec, address, reach)
  }
  const run = async (argv: readonly string[], grant: Grant): Promise<Answer> => {
    const redis = await borrow()
    inUse.add(redis)
    const watch = watchReply(redis, grant)
    let isClean = false
    try {
      const { asked, reply } = await runChecked(redis, argv, grant)
      const answer = answerOf(asked, reply, grant)
      isClean = grant.accesses.every((access) => access.operation !== 'admin')
      return answer
    } catch (error) {
      // An error reply leaves the connection as it was.
      isClean = isReplyError(error) || error instanceof AppError
      throw watch.why() ?? asRedisError(error, argv)
    } finally {
      watch.end()
      inUse.delete(redis)
      if (isClean && !closed && watch.why() === undefined && redis.status === 'ready') idle.push(redis)
      else hangUp(redis)
    }
  }
  return {
    async run<Name extends ConnectorToolName>(_tool: Name, args: ArgsOf<Name>, grant: Grant) {
      const { command } = args as ArgsOf<'redis.command'>
      return take(grant, () => run(command, grant))
    },
    async [Symbol.asyncDispose]() {
      closed = true
      for (const redis of [...idle, ...inUse]) hangUp(redis)
    },
  }
}

/** Runs a command that the live server says to be what was decided; throws for any other. */
async function runChecked(
  redis: Redis,
  argv: readonly string[],
  grant: Grant,
): Promise<{ asked: Asked; reply: Reply }> {
  const notRun = (why: string) => new AppError('PERMISSION_DENIED', `Not run: ${why}.`)
  if (!/^[\w.-]+$/.test(argv[0] ?? '')) throw notRun('this is not the name of a command')
  if (!argv.every((each) => each.isWellFormed())) throw notRun('a part of it is not well-formed Unicode')
  const command = await liveCommand(redis, argv)
  if (command === undefined) throw notRun('the server does not know this command')
  const why = whyRefused(command, argv, grant)
  if (why !== undefined) throw notRun(why)
  const keys = command.hasKeys ? await liveKeys(redis, argv) : []
  const other = whyOtherKeys(command, keys, grant)
  if (other !== undefined) throw notRun(other)
  const reply = await send(redis, argv)
  return { asked: { name: command.name, argv, keys: keys.map(({ key }) => key) }, reply }
}

type Watch = { why(): AppError | undefined; end(): void }

/** Cuts the connection when a command takes too long, its reply is too large or its client went away. */
function watchReply(redis: Redis, grant: Grant): Watch {
  const stream = streamOf(redis)
  let bytes = 0
  let why: AppError | undefined
  const cut = (error: AppError) => {
    why ??= error
    hangUp(redis)
  }
  const count = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > grant.maxBytes + MAX_EXCESS_BYTES)
      cut(new AppError('INVALID_ARGUMENT', 'The reply is too large to be read; ask for a part of it.'))
  }
  const gone = () => cut(new AppError('UNAVAILABLE', 'The client went away.'))
  const late = () =>
    cut(new AppError('DEADLINE_EXCEEDED', `The command was given up after ${grant.timeoutMs} ms.`))
  const timer = setTimeout(late, grant.timeoutMs)
  stream?.on('data', count)
  grant.signal.addEventListener('abort', gone, { once: true })
  if (grant.signal.aborted) gone()
  return {
    why: () => why,
    end() {
      clearTimeout(timer)
      stream?.off('data', count)
      grant.signal.removeEventListener('abort', gone)
    },
  }
}

function isReplyError(error: unknown): error is Error {
  return (error as Error).name === 'ReplyError'
}

/** The errors of Redis's own commands are about the command; those of scripts and modules may quote anything. */
function asRedisError(error: unknown, argv: readonly string[]): AppError {
  if (error instanceof AppError) return error
  const { message } = error as Error
  const [kind = ''] = message.split(' ')
  // The error itself holds the command: the log gets what kind it was.
  const cause = new Error(kind)
  if (!isReplyError(error)) return new AppError('UNAVAILABLE', 'The connection to Redis broke.', { cause })
  const name = argv[0] ?? ''
  const isForeign = name.includes('.') || /^(eval|fcall)/i.test(name)
  const told = isForeign ? `the command failed (${/^[A-Z]+$/.test(kind) ? kind : 'ERR'})` : message
  return new AppError('INVALID_ARGUMENT', `Redis: ${told}`, { cause })
}

// Answers of any length, files and events: the endpoint is asked for the next piece when the client has taken the last. A
// stream that breaks is cut off, so that a part is never taken for the whole.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyReply } from 'fastify'
import type { Caller } from '@mcpshield/contracts/caller'
import type { HttpStream, RpcDef } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { Log } from '@mcpshield/bus/log'
import type { Metrics } from './metrics.ts'
import { limitKeyOf } from './rate-limit.ts'
import type { Callers } from './session.ts'
import { slots } from './slots.ts'

type Fields = Record<string, unknown>

export type StreamRequest = {
  def: RpcDef
  stream: HttpStream
  input: Fields
  caller: Caller
  ask(input: Fields): Promise<Fields>
}

export type SendStream = (reply: FastifyReply, request: StreamRequest) => Promise<FastifyReply>

export type StreamDeps = { callers: Pick<Callers, 'still'>; metrics: Metrics; now(): Date; log: Log }

const OPEN = { perCaller: 2, all: 100 }
/** Events mostly wait for something, and a page that is loaded anew asks before the old one is known to be gone. */
const OPEN_EVENTS = { perCaller: 4, all: 500 }

export function streamSender({ callers, metrics, now, log }: StreamDeps): SendStream {
  const [files, events] = [slots(OPEN), slots(OPEN_EVENTS)]
  return async (reply, request) => {
    const { stream, caller, ask } = request
    const kind = 'events' in stream ? 'events' : 'export'
    const release = (kind === 'events' ? events : files).take(limitKeyOf(caller))
    if (typeof release === 'string') {
      metrics.refused(reply.request.routeOptions.url ?? '', 'open')
      throw tooManyOpen(release)
    }
    const ended = metrics.streaming(kind)
    try {
      // What goes wrong until here is answered as a problem.
      const first = await ask(request.input)
      const headers = streamHeaders(request, now())
      reply.hijack()
      reply.raw.writeHead(200, { ...headersOf(reply), ...headers })
      const asked = async (cursor: string): Promise<Fields> => {
        if (!(await callers.still(caller))) throw new AppError('UNAUTHENTICATED', 'The session has ended.')
        return ask({ ...request.input, cursor })
      }
      // Whatever goes wrong now, it destroys the connection.
      await pipeline(Readable.from(pieces(first, asked)), reply.raw)
    } catch (error) {
      if (!reply.raw.headersSent) throw error
      const left = (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE'
      const fields = { requestId: reply.request.id, stream: request.def.subject }
      if (left) log.info(fields, 'stream left by its reader')
      else log.warn({ ...fields, err: error }, 'stream cut off')
    } finally {
      ended()
      release()
    }
    return reply
  }
}

async function* pieces(first: Fields, ask: (cursor: string) => Promise<Fields>): AsyncGenerator<Buffer> {
  let page = first
  for (;;) {
    const { chunk, next_cursor: next } = page
    if (typeof chunk === 'string' && chunk !== '') yield Buffer.from(chunk)
    if (typeof next !== 'string') return
    const following = await ask(next)
    if (following.next_cursor === next) throw new Error('the stream does not get on')
    page = following
  }
}

/** Those that hooks have set: what is written past Fastify carries them too. Nothing comes after a stream. */
export function headersOf(reply: FastifyReply): Record<string, string | number | string[]> {
  const set = Object.entries(reply.getHeaders()).filter(
    (entry): entry is [string, string | number | string[]] => entry[1] !== undefined,
  )
  return { ...Object.fromEntries(set), connection: 'close' }
}

const EVENT_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Proxies that gather answers before they pass them on are asked not to.
  'x-accel-buffering': 'no',
}

function streamHeaders({ def, stream, input }: StreamRequest, time: Date): Record<string, string> {
  if ('events' in stream) return EVENT_HEADERS
  const parsed = def.input.parse(input) as Fields
  const form = stream.types[String(parsed[stream.by])]
  if (form === undefined) throw new Error(`no media type for ${stream.by}`)
  const day = time.toISOString().slice(0, 10)
  return {
    'content-type': form.type,
    'content-disposition': `attachment; filename="${stream.filename}-${day}.${form.extension}"`,
  }
}

export function tooManyOpen(who: 'caller' | 'all'): AppError {
  return who === 'caller'
    ? new AppError('RATE_LIMITED', 'You have as many of these open as you may; close one first.', {
        type: 'too_many_open',
        retry_after_ms: 5_000,
      })
    : new AppError('UNAVAILABLE', 'Too many of these are open right now; try again in a moment.', {
        retry_after_ms: 5_000,
      })
}

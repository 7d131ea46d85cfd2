// Runs one request in the chdb library. Each has a session of its own, so settings, parameters and the chosen
// database of one never reach another; all sessions share the one engine and its data.
import { randomUUID } from 'node:crypto'
import { Session } from 'chdb'
import { canStream, type ChRequest, literal } from './chdb-request.ts'

export interface Answer {
  /** The bytes of the answer, piece by piece; the first piece is there already. */
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  rowsRead: number
  bytesRead: number
}

export interface Engine extends Disposable {
  run(request: ChRequest, signal: AbortSignal): Promise<Answer>
}

/** The pool of threads the library's calls run on; more at once would only wait inside it, unseen. */
const MAX_AT_ONCE = 12

export function openEngine(folder: string): Engine {
  const root = new Session(folder) // held open: the engine lives as long as any session does
  const places = semaphore(MAX_AT_ONCE)

  async function run(request: ChRequest, signal: AbortSignal): Promise<Answer> {
    const leave = await places()
    const session = new Session(folder)
    const tag = randomUUID()
    const cancel = () => void kill(tag)
    signal.addEventListener('abort', cancel, { once: true })
    const finish = once(() => {
      signal.removeEventListener('abort', cancel)
      session.close()
      leave()
    })
    try {
      signal.throwIfAborted()
      const prelude = [
        `SET log_comment = ${literal(tag)}`,
        request.prelude,
        request.readOnly ? 'SET readonly = 2' : '',
      ]
      await session.queryAsync(prelude.filter(Boolean).join('; '))
      if (canStream(request)) return await streamed(session, request, signal, finish)
      return await whole(session, request, finish)
    } catch (error) {
      finish()
      throw error
    }
  }

  // A single call cannot be interrupted from JavaScript, but the engine can be told to end the query.
  async function kill(tag: string): Promise<void> {
    await root
      .queryAsync(`KILL QUERY WHERE Settings['log_comment'] = ${literal(tag)} ASYNC`)
      .catch(() => undefined)
  }

  return { run, [Symbol.dispose]: () => root.close() }
}

async function whole(
  session: Session,
  { statement, defaultFormat }: ChRequest,
  finish: () => void,
): Promise<Answer> {
  const result = await session.queryAsync(statement, { format: defaultFormat })
  finish()
  return { pieces: [result.bytes()], rowsRead: result.rowsRead, bytesRead: result.bytesRead }
}

async function streamed(
  session: Session,
  request: ChRequest,
  signal: AbortSignal,
  finish: () => void,
): Promise<Answer> {
  const stream = session.queryStream(request.statement, { format: request.defaultFormat, signal })
  const pieces = stream[Symbol.asyncIterator]()
  // The first piece is asked for here, so that most errors come before the headers are sent.
  const first = await pieces.next()
  if (signal.aborted) stream.cancel()
  signal.throwIfAborted()
  // A reader that goes away before it reads leaves `rest` unstarted, and with it its `finally`.
  signal.addEventListener('abort', finish, { once: true })
  return { pieces: rest(), rowsRead: 0, bytesRead: 0 }

  async function* rest() {
    try {
      for (let piece = first; !piece.done; piece = await pieces.next()) yield piece.value.raw()
    } finally {
      stream.cancel()
      finish()
    }
  }
}

function once(run: () => void): () => void {
  let done = false
  return () => {
    if (!done) run()
    done = true
  }
}

function semaphore(places: number): () => Promise<() => void> {
  const waiting: (() => void)[] = []
  let free = places
  return async () => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    return () => {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}

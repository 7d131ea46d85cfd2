// Runs one request in the chdb library. Each has a session of its own, so settings, parameters and the chosen
// database of one never reach another; all sessions share the one engine and its data.
import { randomUUID } from 'node:crypto'
import { Session } from 'chdb'
import { canStream, type ChRequest, literal } from './chdb-request.ts'

/** Disposed when it was sent, or cannot be. */
export interface Answer extends Disposable {
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
    using stack = new DisposableStack()
    stack.defer(await places())
    const session = stack.adopt(new Session(folder), (opened) => opened.close()) // which ends its stream too
    signal.throwIfAborted()
    const tag = randomUUID()
    const cancel = () => void kill(tag)
    signal.addEventListener('abort', cancel, { once: true })
    stack.defer(() => signal.removeEventListener('abort', cancel))
    const prelude = [
      `SET log_comment = ${literal(tag)}`,
      request.prelude,
      request.readOnly ? 'SET readonly = 2' : '',
    ]
    await session.queryAsync(prelude.filter(Boolean).join('; '))
    const data = canStream(request) ? await streamed(session, request, signal) : await whole(session, request)
    const kept = stack.move()
    return { ...data, [Symbol.dispose]: () => kept.dispose() }
  }

  // A single call cannot be interrupted from JavaScript, but the engine can be told to end the query.
  async function kill(tag: string): Promise<void> {
    await root
      .queryAsync(`KILL QUERY WHERE Settings['log_comment'] = ${literal(tag)} ASYNC`)
      .catch(() => undefined)
  }

  return { run, [Symbol.dispose]: () => root.close() }
}

type Data = Omit<Answer, typeof Symbol.dispose>

async function whole(session: Session, { statement, defaultFormat }: ChRequest): Promise<Data> {
  const result = await session.queryAsync(statement, { format: defaultFormat })
  return { pieces: [result.bytes()], rowsRead: result.rowsRead, bytesRead: result.bytesRead }
}

async function streamed(session: Session, request: ChRequest, signal: AbortSignal): Promise<Data> {
  const stream = session.queryStream(request.statement, { format: request.defaultFormat, signal })
  const pieces = stream[Symbol.asyncIterator]()
  // The first piece is asked for here, so that most errors come before the headers are sent.
  const first = await pieces.next()
  return { pieces: rest(), rowsRead: 0, bytesRead: 0 }

  async function* rest() {
    for (let piece = first; !piece.done; piece = await pieces.next()) yield piece.value.raw()
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

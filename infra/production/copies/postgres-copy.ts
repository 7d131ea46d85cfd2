// PostgreSQL's COPY as streams, by the protocol's own messages: exact, whatever a column's type.
import type { Socket } from 'node:net'
import { Readable, Writable } from 'node:stream'
import type pg from 'pg'

/** What a query object of `pg` is given to speak with. */
type Wire = {
  readonly stream: Socket
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): boolean | undefined
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

/** What `pg` calls of the query whose turn it is. */
type Handlers = {
  submit(wire: Wire): void
  handleCopyData?(message: { chunk: Buffer }): void
  handleCopyInResponse?(): void
  handleCommandComplete(message: { text: string }): void
  handleError(error: Error): void
  handleReadyForQuery(): void
}

export type CopyOut = Readable & { rows(): number }

/** `COPY … TO STDOUT`: a stream of its lines. */
export function copyOut(client: pg.Client, statement: string): CopyOut {
  let wire: Wire | undefined
  let rows = 0
  const stream = new Readable({ read: () => void wire?.stream.resume() })
  run(client, {
    submit(given) {
      wire = given
      given.query(statement)
    },
    handleCopyData({ chunk }) {
      rows++
      if (!stream.push(chunk)) wire?.stream.pause()
    },
    handleCommandComplete: () => undefined,
    handleError: (error) => void stream.destroy(error),
    handleReadyForQuery: () => void stream.push(null),
  })
  return Object.assign(stream, { rows: () => rows })
}

export type CopyIn = Writable & { rows(): number }

/** `COPY … FROM STDIN`: ends when the server has taken everything. */
export function copyIn(client: pg.Client, statement: string): CopyIn {
  const ready = Promise.withResolvers<Wire>()
  const taken = Promise.withResolvers<void>()
  // Whoever waits for one of them hears of a failure; the other may have nobody.
  for (const each of [ready.promise, taken.promise]) each.catch(() => undefined)
  let wire: Wire | undefined
  let rows = 0
  run(client, {
    submit(given) {
      wire = given
      given.query(statement)
    },
    handleCopyInResponse: () => ready.resolve(wire!),
    handleCommandComplete({ text }) {
      rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0)
    },
    handleError(error) {
      ready.reject(error)
      taken.reject(error)
    },
    handleReadyForQuery: () => taken.resolve(),
  })
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      ready.promise.then((to) => {
        if (to.sendCopyFromChunk(chunk) === false) to.stream.once('drain', () => done())
        else done()
      }, done)
    },
    final(done) {
      ready.promise
        .then((to) => {
          to.endCopyFrom()
          return taken.promise
        })
        .then(() => done(), done)
    },
    destroy(error, done) {
      if (error !== null) void ready.promise.then((to) => to.sendCopyFail('given up')).catch(() => undefined)
      done(error)
    },
  })
  return Object.assign(stream, { rows: () => rows })
}

function run(client: pg.Client, handlers: Handlers): void {
  client.query(handlers as unknown as pg.Submittable)
}

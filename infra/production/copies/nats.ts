// The streams of the bus, by the server's own snapshots: messages with their times and numbers, and how far each consumer
// has come. Not the buckets: see postgres.ts.
import { Readable } from 'node:stream'
import { connect as connectNats, createInbox, credsAuthenticator, type NatsConnection } from 'nats'
import { inboxPrefix } from '@mcpshield/bus/permissions'
import { streams } from '@mcpshield/contracts/streams'
import { SetupError } from '../../dev/setup-error.ts'
import { openCopy, type BackupWriter, type Manifest } from './backup-folder.ts'

export type BusOptions = { url: string; creds: string; progress: (line: string) => void }

const USER = 'backup'
const CHUNK_BYTES = 128 * 1024
const WITHIN_MS = 30_000
/** A snapshot of a large stream begins only when the server has packed its first blocks. */
const CHUNK_WITHIN_MS = 120_000

type State = { messages: number; first_seq: number; last_seq: number; consumer_count: number }
type Described = { config: { name: string }; state: State }

export async function backUpBus(backup: BackupWriter, options: BusOptions): Promise<Manifest['streams']> {
  return connected(options, async (connection) => {
    const done: Manifest['streams'] = {}
    for (const name of Object.keys(streams)) {
      const { chunks, described } = await snapshot(connection, name)
      await backup.write(fileOf(name), Readable.from(chunks), () => described.state.messages)
      done[name] = described
      options.progress(`nats: ${name}, ${described.state.messages} messages`)
    }
    return done
  })
}

/** Puts the streams in the place of those that are there. Buckets are removed: they are made anew from the database. */
export async function restoreBus(folder: string, manifest: Manifest, options: BusOptions): Promise<void> {
  await connected(options, async (connection) => {
    for (const name of await namesOf(connection))
      if (name.startsWith('KV_') || name in manifest.streams)
        await ask(connection, `$JS.API.STREAM.DELETE.${name}`, {})
    for (const [name, described] of Object.entries(manifest.streams) as [string, Described][]) {
      await restoreStream(connection, described, openCopy(folder, fileOf(name)))
      await requireSame(connection, described)
      options.progress(`nats: ${name}, ${described.state.messages} messages`)
    }
  })
}

async function snapshot(
  connection: NatsConnection,
  name: string,
): Promise<{ chunks: AsyncIterable<Uint8Array>; described: Described }> {
  const inbox = createInbox(inboxPrefix(USER))
  const arriving = connection.subscribe(inbox, { timeout: CHUNK_WITHIN_MS })
  const asked = { deliver_subject: inbox, chunk_size: CHUNK_BYTES }
  const described = await ask<Described>(connection, `$JS.API.STREAM.SNAPSHOT.${name}`, asked)
  async function* chunks() {
    for await (const message of arriving) {
      // Empty: the end, with a status where the server gave up.
      if (message.data.length === 0) {
        const { code = 0, description = '' } = message.headers ?? {}
        if (code >= 400) throw new SetupError(`The snapshot of ${name} was given up by NATS: ${description}.`)
        return
      }
      message.respond()
      yield message.data
    }
  }
  return { chunks: chunks(), described }
}

async function restoreStream(
  connection: NatsConnection,
  { config, state }: Described,
  content: Readable,
): Promise<void> {
  const { deliver_subject: subject } = await ask<{ deliver_subject: string }>(
    connection,
    `$JS.API.STREAM.RESTORE.${config.name}`,
    { config, state },
  )
  for await (const part of content as AsyncIterable<Buffer>)
    for (let from = 0; from < part.length; from += CHUNK_BYTES)
      await connection.request(subject, part.subarray(from, from + CHUNK_BYTES), { timeout: WITHIN_MS })
  const last = await connection.request(subject, '', { timeout: CHUNK_WITHIN_MS })
  refuseError(last.json<{ error?: { description: string } }>(), `The stream ${config.name} was not restored`)
}

async function requireSame(connection: NatsConnection, wanted: Described): Promise<void> {
  const { state } = await ask<Described>(connection, `$JS.API.STREAM.INFO.${wanted.config.name}`, {})
  // Where nothing is in it, the first number is that of nothing.
  const compared = ['messages', 'last_seq', 'consumer_count', ...(state.messages > 0 ? ['first_seq'] : [])]
  const differs = (compared as (keyof State)[]).filter((each) => state[each] !== wanted.state[each])
  if (differs.length > 0)
    throw new SetupError(`The stream ${wanted.config.name} is not what was backed up: ${differs.join(', ')}.`)
}

async function namesOf(connection: NatsConnection): Promise<string[]> {
  const { streams } = await ask<{ streams: string[] | null }>(connection, '$JS.API.STREAM.NAMES', {})
  return streams ?? []
}

async function ask<T>(connection: NatsConnection, subject: string, body: object): Promise<T> {
  const answer = await connection.request(subject, JSON.stringify(body), { timeout: WITHIN_MS })
  return refuseError(answer.json<T & { error?: { description: string } }>(), subject)
}

function refuseError<T extends { error?: { description: string } }>(answer: T, what: string): T {
  if (answer.error !== undefined) throw new SetupError(`${what}: NATS says "${answer.error.description}".`)
  return answer
}

async function connected<T>(
  options: BusOptions,
  work: (connection: NatsConnection) => Promise<T>,
): Promise<T> {
  const connection = await connectNats({
    servers: options.url,
    name: USER,
    authenticator: credsAuthenticator(new TextEncoder().encode(`${options.creds.trim()}\n`)),
    inboxPrefix: inboxPrefix(USER),
    ignoreClusterUpdates: true,
  })
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}

const fileOf = (stream: string) => `nats/${stream}.tar.s2.gz`

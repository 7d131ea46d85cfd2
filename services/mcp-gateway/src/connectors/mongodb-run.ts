// Runs one command and reads what it gives: documents through a cursor that ends at the caps, else one reply.
import { BSON, type Db, type ClientSession } from 'mongodb'
import { AppError } from '@mcpshield/contracts/errors'
import type { MongodbVerb } from '@mcpshield/facts/mongodb-command'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Answer, Grant } from './connector.ts'
import { toldOf } from './mongodb-errors.ts'
import { sourcesOf } from './mongodb-sources.ts'
import { toJson } from './mongodb-values.ts'
import type { Command } from './mongodb-wall.ts'

const MAX_BATCH = 1_000
/** Every value with its own type: no digits lost, no bytes taken for text, no text that ends the reading. */
const AS_STORED = { promoteLongs: true, promoteBuffers: false, bsonRegExp: true, enableUtf8Validation: false }

export type Call = { verb: MongodbVerb; command: Command; collection: string }

export async function runCommand(db: Db, call: Call, grant: Grant, signal: AbortSignal): Promise<Answer> {
  const { verb, command } = call
  const timed = { ...command, maxTimeMS: Math.ceil(grant.timeoutMs) }
  if (verb === 'find' || verb === 'aggregate') return readDocuments(db, call, timed, grant, signal)
  const reply = await timedReply(db, call, timed, signal)
  if (verb === 'count') return answer({ count: toJson(reply.n, false) }, {}, null)
  if (verb === 'distinct') return distinctAnswer(db, call, reply.values as unknown[], grant)
  refuseWriteErrors(reply)
  return answer({}, countsOf(verb, reply), null)
}

/** FerretDB refuses a time limit with some commands: these have only ours. */
async function timedReply(db: Db, { command }: Call, timed: Command, signal: AbortSignal): Promise<Command> {
  const options = { ...AS_STORED, signal }
  return db.command(timed, options).catch((error: Error) => {
    if (/unknown field "maxTimeMS"/.test(error.message)) return db.command(command, options)
    throw error
  })
}

function answer(data: Answer['data'], about: JsonObject, rows: number | null, cut = false): Answer {
  return { data, about, rows, cut }
}

type Batch = { id: number | BSON.Long; ns: string; firstBatch?: unknown[]; nextBatch?: unknown[] }

/** The documents until a cap. The cursor is ours from its first batch to its end; its session too. */
async function readDocuments(
  db: Db,
  { command, collection }: Call,
  timed: Command,
  grant: Grant,
  signal: AbortSignal,
): Promise<Answer> {
  const batchSize = Math.min(grant.maxRows + 1, MAX_BATCH)
  const opening = 'find' in timed ? { ...timed, batchSize } : { ...timed, cursor: { batchSize } }
  const take = documentTaker(grant)
  const session = db.client.startSession()
  const options = { ...AS_STORED, signal, session }
  try {
    let { cursor } = (await db.command(opening, options)) as { cursor: Batch }
    let isFull = take.all(cursor.firstBatch ?? [])
    while (!isFull && Number(cursor.id) !== 0) {
      const more = { getMore: idOf(cursor), collection: collectionOf(cursor), batchSize }
      cursor = ((await db.command(more, options)) as { cursor: Batch }).cursor
      isFull = take.all(cursor.nextBatch ?? [])
    }
    if (Number(cursor.id) !== 0) await closeCursor(db, cursor, session)
    const { documents, cut } = take
    const told = answer({ documents }, { count: documents.length }, documents.length, cut())
    if (grant.needsSources) {
      const isStored = await isStoredCollection(db, collection, signal)
      told.sources = isStored ? sourcesOf(command, collection, documents) : {}
    }
    return told
  } finally {
    await session.endSession().catch(() => undefined)
  }
}

const idOf = (cursor: Batch) => (typeof cursor.id === 'number' ? BSON.Long.fromNumber(cursor.id) : cursor.id)
const collectionOf = (cursor: Batch) => cursor.ns.slice(cursor.ns.indexOf('.') + 1)

/** Lets the server forget a cursor that is not read to its end; by itself it would after ten minutes. */
async function closeCursor(db: Db, cursor: Batch, session: ClientSession): Promise<void> {
  const command = { killCursors: collectionOf(cursor), cursors: [idOf(cursor)] }
  await db.command(command, { session }).catch(() => undefined)
}

/** Takes documents until a cap is reached; `all` answers whether it was. */
function documentTaker(grant: Grant) {
  const documents: JsonObject[] = []
  let bytes = 0
  let isCut = false
  const take = (document: unknown): boolean => {
    const taken = asJson(document, grant) as JsonObject
    bytes += JSON.stringify(taken).length
    if (documents.length === grant.maxRows || bytes > grant.maxBytes) isCut = true
    else documents.push(taken)
    return isCut
  }
  return { documents, cut: () => isCut, all: (batch: unknown[]) => batch.some(take) }
}

function asJson(value: unknown, grant: Grant): JsonValue {
  try {
    return toJson(value, grant.redacts)
  } catch (cause) {
    throw new AppError('INVALID_ARGUMENT', 'A value of the result cannot be told.', { cause })
  }
}

/** The fields of a view are whatever it makes of other fields. */
async function isStoredCollection(db: Db, collection: string, signal: AbortSignal): Promise<boolean> {
  type Entry = { name?: unknown; type?: unknown }
  const asked = async (options: object): Promise<Entry | undefined> => {
    const command = { listCollections: 1, filter: { name: collection }, ...options }
    const reply = await db.command(command, { signal }).catch(() => undefined)
    return (reply as { cursor: Batch } | undefined)?.cursor.firstBatch?.[0] as Entry | undefined
  }
  // Names and types are told to any account; servers that tell no type then, tell it with everything else.
  const named = await asked({ nameOnly: true, authorizedCollections: true })
  const found = named?.type === undefined ? await asked({}) : named
  return found?.name === collection && (found.type === 'collection' || found.type === 'timeseries')
}

/** Distinct values; where a policy redacts by field, under the name of theirs. */
async function distinctAnswer(db: Db, call: Call, found: unknown[], grant: Grant): Promise<Answer> {
  const taken = { values: [] as JsonValue[], bytes: 0, cut: false }
  for (const each of found) {
    const value = asJson(each, grant)
    taken.bytes += JSON.stringify(value).length
    taken.cut = taken.values.length === grant.maxRows || taken.bytes > grant.maxBytes
    if (taken.cut) break
    taken.values.push(value)
  }
  const { values, cut } = taken
  const about = { count: values.length }
  if (!grant.needsSources) return answer({ values }, about, values.length, cut)
  const field = String(call.command.key)
  const isStored = await isStoredCollection(db, call.collection, grant.signal)
  const told = answer({ values: { [field]: values } }, about, values.length, cut)
  return { ...told, sources: { [field]: isStored ? [[call.collection, ...field.split('.')]] : 'unknown' } }
}

/** A command that writes answers that it went well also where some of it did not. */
function refuseWriteErrors(reply: Command): void {
  const [first] = (reply.writeErrors ?? []) as { code?: number; codeName?: string; errmsg?: string }[]
  const done = Number(reply.n ?? 0)
  if (first !== undefined) {
    const told = toldOf(Number(first.code), String(first.codeName ?? ''), String(first.errmsg))
    throw new AppError('INVALID_ARGUMENT', `MongoDB: ${told}. Before that, ${done} were done.`)
  }
  if (reply.writeConcernError !== undefined)
    throw new AppError('UNAVAILABLE', `MongoDB: ${done} were done, but not confirmed by enough servers.`)
}

function countsOf(verb: MongodbVerb, reply: Command): JsonObject {
  const n = Number(reply.n ?? 0)
  if (verb === 'insert') return { inserted: n }
  if (verb === 'delete') return { deleted: n }
  const upserted = Array.isArray(reply.upserted) ? reply.upserted.length : 0
  return { matched: n - upserted, modified: Number(reply.nModified ?? 0), upserted }
}

// MongoDB: runs the very document that was judged, after a second look at it, on the database of the connection's
// URL, with a time limit on the server, and documents that stop at the caps.
import { MongoClient, type MongoClientOptions } from 'mongodb'
import { AppError } from '@mcpshield/contracts/errors'
import { commandOfTool, type MongodbVerb } from '@mcpshield/facts/mongodb-command'
import { isUnknown, type JsonObject } from '@mcpshield/policy/facts'
import type { Reach } from '@mcpshield/upstream/reach'
import type { ConnectionSpec, Connector, Grant } from './connector.ts'
import { boundMembers, type BoundMembers } from './mongodb-reach.ts'
import { asMongodbError, stopped, type Time } from './mongodb-errors.ts'
import { listCollections } from './mongodb-collections.ts'
import { runCommand } from './mongodb-run.ts'
import { whyRefused } from './mongodb-wall.ts'
import type { ArgsOf, ConnectorToolName } from './tools.ts'
import { turns } from './turns.ts'

const MAX_RUNNING = 8
/** The server stops a command by itself; one that it leaves running this long after is broken off. */
const GRACE_MS = 250

/** How long a server is looked for, unless the URL says. */
const SELECTION_TIMEOUT_MS = 5_000

const HOW_TO_SPEAK: MongoClientOptions = {
  appName: 'mcpshield',
  // One more for each that runs: for what a command needs besides, such as closing its cursor.
  maxPoolSize: 2 * MAX_RUNNING,
  minPoolSize: 0,
  connectTimeoutMS: 5_000,
  waitQueueTimeoutMS: 5_000,
  retryWrites: false,
  retryReads: false,
}

export function mongodbConnector(spec: ConnectionSpec, reach?: Reach): Connector {
  const database = databaseOf(spec)
  const take = turns(MAX_RUNNING)
  const bound = reach && boundMembers(reach)
  const client = newClient(spec, bound)
  bound?.watch(client)
  const db = client.db(database)
  const bounded = async <T>(work: () => Promise<T>): Promise<T> => {
    await bound?.check()
    // The result of whoever is met meanwhile is not given out.
    try {
      return await work()
    } finally {
      await bound?.check()
    }
  }
  return {
    async run<Name extends ConnectorToolName>(tool: Name, args: ArgsOf<Name>, grant: Grant) {
      const verb = tool.slice(tool.indexOf('.') + 1) as MongodbVerb
      const command = commandOfTool(verb, args as JsonObject)
      const notRun = (why: string) => new AppError('PERMISSION_DENIED', `Not run: ${why}.`)
      if (isUnknown(command)) throw notRun(command.unknown)
      const why = whyRefused(verb, command, database, grant)
      if (why !== undefined) throw notRun(why)
      const call = { verb, command, collection: String(command[verb]) }
      return take(grant, () =>
        bounded(() => watched((signal) => runCommand(db, call, grant, signal), grant, spec)),
      )
    },
    collections: (grant) =>
      take(grant, () => bounded(() => watched((signal) => listCollections(db, signal), grant, spec))),
    async [Symbol.asyncDispose]() {
      await client.close(true)
    },
  }
}

/** The database is part of what was decided: none is assumed. */
function databaseOf(spec: ConnectionSpec): string {
  const wrong = (why: string) => new AppError('INVALID_ARGUMENT', `The connection ${spec.name} ${why}.`)
  if (spec.url === null) throw wrong('has no URL')
  if (!/^mongodb(\+srv)?:\/\//.test(spec.url)) throw wrong('needs a URL that begins with mongodb://')
  const [, name] = /^[a-z+]+:\/\/[^/?]+\/([^?]+)/.exec(spec.url) ?? []
  if (name === undefined) throw wrong('has no database in its URL')
  const database = decodeURIComponent(name)
  if (/^(admin|local|config)$/.test(database)) throw wrong('has a database of the server’s own in its URL')
  return database
}

/** The driver's own messages may quote the URL. */
function newClient(spec: ConnectionSpec, bound: BoundMembers | undefined): MongoClient {
  try {
    const url = spec.url ?? ''
    const isAsked = /[?&]serverSelectionTimeoutMS=/i.test(url)
    return new MongoClient(url, {
      ...HOW_TO_SPEAK,
      ...(bound === undefined ? {} : { lookup: bound.lookup }),
      ...(isAsked ? {} : { serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS }),
    })
  } catch {
    throw new AppError('INVALID_ARGUMENT', `The connection ${spec.name} has a URL that cannot be followed.`)
  }
}

/** Runs something until it is done, its time is over or its client went away; the server then learns of it. */
async function watched<T>(
  work: (signal: AbortSignal) => Promise<T>,
  grant: Time,
  spec: ConnectionSpec,
): Promise<T> {
  const late = AbortSignal.timeout(Math.ceil(grant.timeoutMs) + GRACE_MS)
  try {
    return await work(AbortSignal.any([late, grant.signal]))
  } catch (error) {
    if (grant.signal.aborted) throw new AppError('UNAVAILABLE', 'The client went away.')
    if (late.aborted) throw stopped(grant)
    throw asMongodbError(error, spec.name, grant)
  }
}

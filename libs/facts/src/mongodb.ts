import type { Unknown } from '@mcpshield/policy/facts'
import { DATA_COMMANDS, readCommand, type Reading } from './mongodb-commands.ts'
import type { Names } from './mongodb-scope.ts'
import { STRUCTURE_COMMANDS } from './mongodb-structure.ts'
import { fromExtendedJson, isDocument, type BsonDocument } from './mongodb-values.ts'
import { CannotTell, createLedger, factsOf, type Ledger, type StatementFacts } from './sql/statement.ts'

export type MongodbOptions = {
  /** The connection's database: collections in it are called without it. */
  database?: string | undefined
  /** Whether another database may be reached: its collections are `database.collection`, or else unknown. */
  foreign?: Names['foreign'] | undefined
}

/**
 * What a MongoDB command does; its first key is its name. Commands, their fields, stages and operators that are not
 * known here make it unknown. Never throws.
 */
export function mongodbFacts(command: unknown, options: MongodbOptions = {}): StatementFacts | Unknown {
  try {
    const document = fromExtendedJson(command)
    if (!isDocument(document)) return { unknown: 'the command is not a document' }
    const ledger = createLedger()
    const harmless = read(document, ledger, options)
    const facts = factsOf([ledger])
    return harmless ? { ...facts, read_only: true } : facts
  } catch (error) {
    if (error instanceof CannotTell) return { unknown: error.message }
    return { unknown: 'the command cannot be read' }
  }
}

const none: BsonDocument = {}

/** Notes what one command does; true when it changes nothing although its resource is unknown. */
function read(command: BsonDocument, ledger: Ledger, options: MongodbOptions): boolean {
  const [name] = Object.keys(command)
  if (name === undefined) throw new CannotTell('the command is empty')
  const reading: Reading = { command, name, ledger, names: namesOf(command, options) }
  if (name === 'explain') return explained(reading, options)
  if (Object.hasOwn(DATA_COMMANDS, name)) {
    readCommand(reading, DATA_COMMANDS[name] as (typeof DATA_COMMANDS)[string])
    return false
  }
  const structure = Object.hasOwn(STRUCTURE_COMMANDS, name) ? STRUCTURE_COMMANDS[name] : undefined
  if (!structure) throw new CannotTell(`the command ${name} is not known`)
  return structure(reading)
}

function namesOf(command: BsonDocument, { database, foreign = 'named' }: MongodbOptions): Names {
  const named = Object.hasOwn(command, '$db') ? command['$db'] : undefined
  if (named !== undefined && typeof named !== 'string') throw new CannotTell('$db is not a text')
  return { database: named ?? database, home: database, foreign }
}

/** An explained command has the class of what it explains: some servers run it. */
function explained({ command, ledger }: Reading, options: MongodbOptions): boolean {
  const inner = command['explain']
  if (!isDocument(inner)) throw new CannotTell('what is to be explained is not a command')
  const [name = ''] = Object.keys(inner)
  if (!Object.hasOwn(DATA_COMMANDS, name)) throw new CannotTell(`explain of ${name} is not known`)
  const outer = Object.hasOwn(command, '$db') ? { $db: command['$db'] } : none
  const { verbosity: _, comment: __, ...others } = command
  for (const key of Object.keys(others))
    if (
      !['explain', '$db', 'lsid', '$readPreference', '$clusterTime', 'maxTimeMS', 'readConcern'].includes(key)
    )
      throw new CannotTell(`explain with ${key} is not known`)
  if (Object.hasOwn(inner, '$db') && inner['$db'] !== command['$db'])
    throw new CannotTell('the command to be explained names another database')
  return read({ ...inner, ...outer }, ledger, options)
}

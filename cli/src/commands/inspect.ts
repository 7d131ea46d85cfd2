// `mcpshield inspect --dialect DIALECT [in.jsonl]`
import type { StatementFacts } from '@mcpshield/facts/sql/statement'
import type { JsonObject, JsonValue, Unknown } from '@mcpshield/policy/facts'
import { answerLines, LineError, type AnswerLine } from '../json-lines.ts'
import { readText } from '../files.ts'
import { CommandError, DONE, type World } from '../world.ts'

export const DIALECTS = ['postgresql', 'mysql', 'sqlite', 'mongodb', 'redis'] as const
export type Dialect = (typeof DIALECTS)[number]

export type InspectOptions = { dialect: Dialect; schema?: string; searchPath?: string[] }

const MAX_SCHEMA_BYTES = 4 * 1024 * 1024

/** Tells what every statement or command of the input would do. */
export async function inspect(
  world: World,
  file: string | undefined,
  options: InspectOptions,
): Promise<number> {
  if (options.schema === '-' && (file ?? '-') === '-')
    throw new CommandError('only one of the inputs can be standard input')
  warnOfUnused(world, options)
  await answerLines(world, file, await INSPECTORS[options.dialect](world, options))
  return DONE
}

function warnOfUnused(world: World, { dialect, schema, searchPath }: InspectOptions): void {
  const warn = (option: string) => world.stderr.write(`mcpshield: ${option} says nothing about ${dialect}\n`)
  if (schema !== undefined && dialect !== 'postgresql' && dialect !== 'sqlite') warn('--schema')
  if (searchPath !== undefined && dialect !== 'postgresql' && dialect !== 'mysql') warn('--search-path')
}

// Each loads the parser of its own dialect only: some are heavy.
const INSPECTORS: Record<Dialect, (world: World, options: InspectOptions) => Promise<AnswerLine>> = {
  async postgresql(world, { schema, searchPath }) {
    const { postgresqlFacts, postgresqlSchema, preparePostgresql } =
      await import('@mcpshield/facts/sql/postgresql')
    await preparePostgresql()
    const columns = await readSchema(world, schema, postgresqlSchema)
    return (line) => told(postgresqlFacts(sqlOf(line), { searchPath, schema: columns }))
  },
  async mysql(_world, { searchPath }) {
    const { mysqlFacts } = await import('@mcpshield/facts/sql/mysql')
    if (searchPath !== undefined && searchPath.length !== 1)
      throw new CommandError('mysql looks names up in one database: --search-path takes one name')
    return (line) => told(mysqlFacts(sqlOf(line), { database: searchPath?.[0] }))
  },
  async sqlite(world, { schema }) {
    const { sqliteFacts } = await import('@mcpshield/facts/sql/sqlite')
    const { sqliteSchema } = await import('../sqlite-schema.ts')
    const statements = await readSchema(world, schema, sqliteSchema)
    return (line) => told(sqliteFacts(sqlOf(line), { schema: statements }))
  },
  async mongodb() {
    const { mongodbFacts } = await import('@mcpshield/facts/mongodb')
    return (line) => told(mongodbFacts(commandOf(line)))
  },
  async redis() {
    const { redisFacts } = await import('@mcpshield/facts/redis')
    return (line) => told(redisFacts(commandOf(line)))
  },
}

async function readSchema<Schema>(
  world: World,
  file: string | undefined,
  parse: (script: string) => Schema,
): Promise<Schema | undefined> {
  if (file === undefined) return undefined
  const script = await readText(world, file, MAX_SCHEMA_BYTES)
  try {
    return parse(script)
  } catch (error) {
    throw new CommandError(`${file} is not a script of this dialect: ${(error as Error).message}`)
  }
}

function sqlOf({ sql }: JsonObject): string {
  if (typeof sql !== 'string') throw new LineError('sql must be a string')
  return sql
}

function commandOf({ command }: JsonObject): JsonValue {
  if (command === undefined) throw new LineError('there is no command')
  return command
}

function told(facts: StatementFacts | Unknown): object {
  if ('unknown' in facts) return { unknown: facts.unknown }
  const { operations, reads, writes, fields, functions, statements, read_only } = facts
  return { operations, reads, writes, fields, functions, statements, read_only }
}

// Requests about what is stored in databases: who may read, write or delete it.
import type { Rule } from '@mcpshield/policy/schema'
import { namedData, namedRate, namedRows } from './names.ts'
import {
  DENIES,
  ALLOWS,
  READS,
  WRITES,
  DELETES,
  ASKS,
  HIDES,
  FILES,
  type Answer,
  type Request,
  type Wanted,
} from './words.ts'

const DATABASES: Record<string, { tool: string; suffix: string }> = {
  postgresql: { tool: 'postgres.query', suffix: 'postgres' },
  mysql: { tool: 'mysql.query', suffix: 'mysql' },
  sqlite: { tool: 'sqlite.query', suffix: 'sqlite' },
  mongodb: { tool: 'mongodb.*', suffix: 'mongodb' },
  redis: { tool: 'redis.command', suffix: 'redis' },
}

/** The databases that are meant: those named in the sentence, else those of the project, else the common ones. */
function databasesOf({ text, knowledge }: Wanted): { kind: string; tool: string; suffix: string }[] {
  const spoken = Object.keys(DATABASES).filter((kind) =>
    new RegExp(kind.replace('postgresql', 'postgres'), 'i').test(text),
  )
  const own = [...knowledge.systems.connections.map(({ kind }) => kind), ...knowledge.infrastructure]
  const kinds = spoken.length > 0 ? spoken : [...new Set(own)].filter((kind) => kind in DATABASES)
  return (kinds.length > 0 ? kinds : ['postgresql']).map((kind) => ({
    kind,
    ...(DATABASES[kind] as { tool: string; suffix: string }),
  }))
}

/** Patterns of what is named, as names are written in that database; all of it where nothing is. */
function patternsOf(wanted: Wanted, kind: string): { patterns: string[]; name: string } {
  const { schemas, tables } = namedData(wanted.text, wanted.knowledge)
  const patterns = [
    ...schemas.map((each) => (kind === 'postgresql' || kind === 'mysql' ? `${each}.*` : '*')),
    ...tables.flatMap((each) => tablePatterns(each, kind)),
  ]
  const name = [...schemas, ...tables]
    .join('-')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .slice(0, 40)
    .toLowerCase()
  return patterns.length === 0 ? { patterns: ['*'], name: '' } : { patterns: [...new Set(patterns)], name }
}

function tablePatterns(name: string, kind: string): string[] {
  if (name.includes('.')) return [name]
  if (kind === 'postgresql') return [`public.${name}`]
  if (kind === 'mysql') return [`*.${name}`]
  return kind === 'sqlite' ? [name, `main.${name}`] : kind === 'redis' ? [`${name}*`] : [name]
}

function forEachDatabase(
  wanted: Wanted,
  word: string,
  make: (patterns: string[]) => Pick<Rule, 'decision' | 'conditions'>,
): Answer['rules'] {
  const databases = databasesOf(wanted)
  return databases.map(({ kind, tool, suffix }) => {
    const { patterns, name } = patternsOf(wanted, kind)
    const id = [word, ...(name === '' ? [] : [name]), ...(databases.length > 1 ? [suffix] : [])].join('-')
    return { id: id.slice(0, 64).replace(/-+$/, ''), tool, ...make(patterns) }
  })
}

export const askBeforeWrites: Request = {
  name: 'ask a person before writes (“ask before writes to public.orders”)',
  answer(wanted) {
    if (!ASKS.test(wanted.text) || !(WRITES.test(wanted.text) || DELETES.test(wanted.text))) return undefined
    const rules = forEachDatabase(wanted, 'ask-before-writes', (resources) => ({
      decision: 'ask',
      conditions: { operations: ['write', 'schema', 'admin'], resources },
    }))
    return { rules, reply: 'A rule above all others asks a person before anything is written or changed.' }
  },
}

export const blockDeletes: Request = {
  name: 'block deletes (“block deletes and drops”)',
  answer(wanted) {
    if (!DENIES.test(wanted.text) || !DELETES.test(wanted.text) || ASKS.test(wanted.text)) return undefined
    const rules = forEachDatabase(wanted, 'no-deletes', (resources) => ({
      decision: 'deny',
      conditions: { operations: ['write', 'schema', 'admin'], resources },
    }))
    return {
      rules,
      reply:
        'The language has one class for INSERT, UPDATE and DELETE: what keeps rows from being deleted keeps them from being written. These rules deny all writes and changes of the schema.',
    }
  },
}

export const denyWrites: Request = {
  name: 'deny writes (“deny all writes to the schema hr”)',
  answer(wanted) {
    const { text } = wanted
    if (!DENIES.test(text) || !WRITES.test(text) || DELETES.test(text) || ASKS.test(text)) return undefined
    const rules = forEachDatabase(wanted, 'no-writes', (resources) => ({
      decision: 'deny',
      conditions: { operations: ['write', 'schema', 'admin'], resources },
    }))
    return {
      rules,
      reply: 'A rule above all others denies writes, changes of the schema and administrative commands.',
    }
  },
}

export const denyData: Request = {
  name: 'deny a table or schema (“deny the schema hr”)',
  answer(wanted) {
    const { text, knowledge } = wanted
    const { schemas, tables } = namedData(text, knowledge)
    const other = WRITES.test(text) || DELETES.test(text) || ASKS.test(text) || HIDES.test(text)
    if (!DENIES.test(text) || other || schemas.length + tables.length === 0) return undefined
    const rules = forEachDatabase(wanted, 'no', (resources) => ({
      decision: 'deny',
      conditions: { resources },
    }))
    return { rules, reply: 'A rule above all others denies every access to it.' }
  },
}

export const readOnly: Request = {
  name: 'read-only access to tables or schemas (“agents may read public.orders, 100 rows at most”)',
  answer(wanted) {
    const { text, knowledge } = wanted
    const { schemas, tables } = namedData(text, knowledge)
    const all =
      /\bread[- ]?only\b/i.test(text) ||
      /\b(?:all|every|any)\b[^.]{0,20}\b(?:tables?|data|databases?)\b/i.test(text)
    const meant = ALLOWS.test(text) && READS.test(text) && !FILES.test(text)
    if (!meant || (schemas.length + tables.length === 0 && !all) || (DENIES.test(text) && !all))
      return undefined
    const rows = namedRows(text)
    const rate = namedRate(text)
    const limits = {
      ...(rows === undefined ? {} : { max_rows: rows }),
      ...(rate === undefined ? {} : { rate_limit: rate }),
    }
    const rules = forEachDatabase(wanted, 'read', (resources) => ({
      decision: 'allow',
      conditions: { operations: ['read'], resources },
    })).map((rule) => (Object.keys(limits).length === 0 ? rule : { ...rule, limits }))
    return { rules, reply: 'Reading is allowed, and nothing else by this rule; writes stay as they are.' }
  },
}

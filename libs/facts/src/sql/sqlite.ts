import { constants, DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Unknown } from '@mcpshield/policy/facts'
import {
  CannotTell,
  createLedger,
  factsOf,
  refuseText,
  type Ledger,
  type StatementFacts,
} from './statement.ts'
import { classifyPragma } from './sqlite-names.ts'
import { createStub, type Stub } from './sqlite-stub.ts'
import {
  changesSchema,
  enterChange,
  isInternal,
  readEvents,
  type Event,
  type Program,
} from './sqlite-events.ts'
import { expandsTooFar, viewBody, withoutExplain, withoutIfExists } from './sqlite-text.ts'

/** How names are resolved: over the CREATE statements of the database, or over stub tables where none are given. */
export type SqliteOptions = { schema?: readonly string[] | undefined }

// One text may not take longer than this, however its stub tables have to grow.
const maxAttempts = 4_000
const maxAnalysisMs = 1_000

/**
 * What a text of SQLite does. The engine itself compiles it in a database in memory without a row, and its
 * authorizer and the compiled program say what it touches. Nothing of the text is ever run.
 */
export function sqliteFacts(sql: string, options: SqliteOptions = {}): StatementFacts | Unknown {
  const refusal = refuseText(sql)
  if (refusal) return { unknown: refusal }
  if (expandsTooFar(sql)) return { unknown: 'the common table expressions expand to too many queries' }
  let bench: Bench | undefined
  try {
    bench = options.schema ? knownBench(options.schema) : openBench()
    const ledgers = statements(bench, sql)
    return ledgers.length > 0 ? factsOf(ledgers) : { unknown: 'there is no statement in the SQL' }
  } catch (error) {
    if (error instanceof CannotTell) return { unknown: error.message }
    return {
      unknown: `the SQL does not parse as SQLite: ${error instanceof Error ? error.message : 'the engine failed'}`,
    }
  } finally {
    if (bench?.stub) bench.db.close()
  }
}

type Bench = {
  db: DatabaseSync
  events: Event[]
  stub: Stub | undefined
  quietly: (change: () => void) => void
  /** The same schema with foreign keys on: they write other tables, and their checks are no reads of the agent's. */
  cascades?: Bench
}

function openBench(schema?: readonly string[], foreignKeys = false): Bench {
  const db = new DatabaseSync(':memory:', { allowExtension: false, enableForeignKeyConstraints: foreignKeys })
  const events: Event[] = []
  let quiet = false
  db.setAuthorizer((action, first, second, place, source) => {
    if (!quiet) events.push({ action, first, second, place, source })
    // A pragma may act while it is compiled, on the whole process: it is noted and passed over.
    const acts = action === constants.SQLITE_PRAGMA && classifyPragma(first ?? '', second) === 'changes'
    return acts ? constants.SQLITE_IGNORE : constants.SQLITE_OK
  })
  const quietly = (change: () => void) => {
    quiet = true
    try {
      change()
    } finally {
      quiet = false
    }
  }
  if (schema) quietly(() => loadSchema(db, schema))
  return { db, events, stub: schema ? undefined : createStub(db, quietly), quietly }
}

// A schema given is never changed by an analysis, so its database is kept as long as the list itself.
const benches = new WeakMap<readonly string[], Bench>()

function knownBench(schema: readonly string[]): Bench {
  const found = benches.get(schema)
  if (found) return found
  const made = { ...openBench(schema), cascades: openBench(schema, true) }
  benches.set(schema, made)
  return made
}

function loadSchema(db: DatabaseSync, schema: readonly string[]): void {
  for (const statement of schema) {
    // sqlite_sequence and the shadow tables of a virtual table come by themselves.
    if (/^\s*create\s+table\s+(if\s+not\s+exists\s+)?["'`[]?sqlite_/i.test(statement)) continue
    try {
      db.exec(statement)
    } catch (error) {
      if (!(error instanceof Error && / already exists/.test(error.message))) throw error
    }
  }
  // A virtual table asks for rights of its own when it is first used: let that be now.
  const virtual = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage = 0").all()
  for (const { name } of virtual) db.prepare(`SELECT 1 FROM "${String(name).replaceAll('"', '""')}"`)
}

/** Takes the text statement by statement, by the engine's own word on where each one ends. */
function statements(bench: Bench, sql: string): Ledger[] {
  const ledgers: Ledger[] = []
  const deadline = Date.now() + maxAnalysisMs
  let rest = sql
  while (rest.length > 0) {
    const compiled = compile(bench, rest, deadline)
    if (!compiled) break
    const text = compiled.sourceSQL
    if (text.length === 0 || !rest.startsWith(text))
      throw new CannotTell('where the statement ends cannot be told')
    ledgers.push(statement(bench, text, deadline))
    rest = rest.slice(text.length)
  }
  if (bench.stub) enterForgotten(ledgers, bench.stub)
  return ledgers
}

/** A table that was named where the engine found nothing to do is not asked for: it is read all the same. */
function enterForgotten(ledgers: Ledger[], stub: Stub): void {
  const told = new Set(ledgers.flatMap((ledger) => ledger.entries().map(({ resource }) => resource)))
  for (const name of stub.names()) if (!told.has(name)) ledgers.at(-1)!.entry('read', name).allFields = true
}

/** Compiles one statement, growing the stub tables as long as that helps; undefined when only comments are left. */
function compile(bench: Bench, sql: string, deadline: number): StatementSync | undefined {
  const { db, events, stub } = bench
  let attempts = 0
  let compiled: StatementSync | undefined
  const complaint = (): string | undefined => {
    if (attempts++ > maxAttempts || Date.now() > deadline)
      throw new CannotTell('the statement takes too long to resolve')
    events.length = 0
    try {
      compiled = db.prepare(sql)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : 'the engine failed'
    }
  }
  for (let message = complaint(); message !== undefined; message = complaint()) {
    if (message.includes('contains no statements')) return undefined
    if (!stub?.grow(message, sql, complaint)) throw new Error(message)
  }
  return compiled
}

const createsView = new Set([constants.SQLITE_CREATE_VIEW, constants.SQLITE_CREATE_TEMP_VIEW])
const changesRows = new Set([constants.SQLITE_INSERT, constants.SQLITE_UPDATE, constants.SQLITE_DELETE])

function statement(bench: Bench, text: string, deadline: number): Ledger {
  const { explained, body: whole } = withoutExplain(text)
  const body = withoutIfExists(whole)
  const ledger = createLedger()
  const actions = readInto(ledger, bench, body, explained, deadline)
  if (actions.some((action) => createsView.has(action))) {
    // A view is not resolved when it is made; whoever reads it later reads what it reads.
    const query = viewBody(body)
    if (query === undefined) ledger.entry('read', { unknown: 'what the view reads cannot be told' })
    else readInto(ledger, bench, query, false, deadline)
  }
  if (bench.cascades && !changesSchema(actions) && actions.some((action) => changesRows.has(action))) {
    readCascades(ledger, bench.cascades, body, explained)
  }
  return ledger
}

/** Compiles one statement and enters what it touches; returns what the engine asked for. */
function readInto(ledger: Ledger, bench: Bench, body: string, planOnly: boolean, deadline: number): number[] {
  if (!compile(bench, body, deadline)) throw new CannotTell('the statement cannot be read')
  const events = [...bench.events]
  readEvents(ledger, events, program(bench, body), { stub: bench.stub, planOnly, text: body })
  return events.map((event) => event.action)
}

/** The compiled program of a statement and the names behind its root pages. */
function program(bench: Bench, body: string): Program {
  const { db, events, quietly } = bench
  const kept = [...events]
  const result: Program = {
    steps: [],
    roots: new Map(),
    tables: new Map(),
    indexes: new Map(),
    texts: new Map(),
  }
  quietly(() => {
    if (!/^pragma\b/i.test(body)) {
      result.steps = db.prepare(`EXPLAIN ${body}`).all() as unknown as Program['steps']
    }
    const places = db.prepare('PRAGMA database_list').all() as { seq: number; name: string }[]
    for (const { seq, name } of places) {
      const listing = `SELECT name, tbl_name, type, rootpage, sql FROM "${name.replaceAll('"', '""')}".sqlite_schema`
      result.roots.set(`${seq}:1`, {
        place: name,
        table: name === 'temp' ? 'sqlite_temp_master' : 'sqlite_master',
      })
      for (const row of db.prepare(listing).all() as {
        name: string
        tbl_name: string
        type: string
        rootpage: number
        sql: string | null
      }[]) {
        const key = row.name.toLowerCase()
        if ((row.type === 'view' || row.type === 'trigger') && row.sql !== null)
          result.texts.set(key, [...(result.texts.get(key) ?? []), row.sql])
        if (row.rootpage > 0) result.roots.set(`${seq}:${row.rootpage}`, { place: name, table: row.tbl_name })
        if (row.type === 'index') result.indexes.set(`${name}.${row.name}`.toLowerCase(), row.tbl_name)
        if (row.type !== 'table' && row.type !== 'view') continue
        const kind = row.type === 'view' ? 'view' : row.rootpage === 0 ? 'virtual' : 'table'
        result.tables.set(`${name}.${row.name}`.toLowerCase(), { place: name, name: row.name, kind })
      }
    }
  })
  events.splice(0, events.length, ...kept)
  return result
}

/** Enters what foreign keys would change beside the statement's own tables. */
function readCascades(ledger: Ledger, { db, events }: Bench, body: string, planOnly: boolean): void {
  events.length = 0
  db.prepare(body)
  for (const event of events) {
    if (changesRows.has(event.action) && !isInternal(event.first)) enterChange(ledger, event, planOnly)
  }
}

import { constants as c } from 'node:sqlite'
import { qualifiedName, type Entry, type Ledger } from './statement.ts'
import {
  changingOpcodes,
  classifyPragma,
  isForeignTable,
  isModule,
  isPureFunction,
  isReadingTable,
  isTableFunction,
} from './sqlite-names.ts'
import { bareNames } from './sqlite-aliases.ts'
import { readPragmaTables } from './sqlite-pragma-tables.ts'
import { stubColumn, type Stub } from './sqlite-stub.ts'

/** One call of the authorizer. */
export type Event = {
  action: number
  first: string | null
  second: string | null
  place: string | null
  /** The trigger or view that asks; null for the statement itself. */
  source: string | null
}

/** One instruction of a compiled program, as EXPLAIN lists it. */
export type Step = { opcode: string; p1: number; p2: number; p3: number; p4: string | null; p5: number }

/** A table or view of the database a program was compiled in. */
export type Relation = { place: string; name: string; kind: 'table' | 'virtual' | 'view' }

/** A compiled program, and the tables of the database it was compiled in. */
export type Program = {
  steps: Step[]
  /** `database:root page` → the table it belongs to, also for an index. */
  roots: Map<string, { place: string; table: string }>
  /** `database.table` in lower case → its own name, and what it is. */
  tables: Map<string, Relation>
  /** `database.index` in lower case → its table. */
  indexes: Map<string, string>
  /** View or trigger in lower case → the statements that make those of that name, in whichever database. */
  texts: Map<string, string[]>
}

type Settings = { stub: Stub | undefined; planOnly: boolean; text: string }

const schemaActions = new Set([
  c.SQLITE_CREATE_INDEX,
  c.SQLITE_CREATE_TABLE,
  c.SQLITE_CREATE_TRIGGER,
  c.SQLITE_CREATE_VIEW,
  c.SQLITE_CREATE_TEMP_INDEX,
  c.SQLITE_CREATE_TEMP_TABLE,
  c.SQLITE_CREATE_TEMP_TRIGGER,
  c.SQLITE_CREATE_TEMP_VIEW,
  c.SQLITE_DROP_INDEX,
  c.SQLITE_DROP_TABLE,
  c.SQLITE_DROP_TRIGGER,
  c.SQLITE_DROP_VIEW,
  c.SQLITE_DROP_TEMP_INDEX,
  c.SQLITE_DROP_TEMP_TABLE,
  c.SQLITE_DROP_TEMP_TRIGGER,
  c.SQLITE_DROP_TEMP_VIEW,
  c.SQLITE_CREATE_VTABLE,
  c.SQLITE_DROP_VTABLE,
  c.SQLITE_ALTER_TABLE,
  c.SQLITE_REINDEX,
])
const indexActions = new Set([c.SQLITE_CREATE_INDEX, c.SQLITE_CREATE_TEMP_INDEX])
const triggerActions = new Set([c.SQLITE_CREATE_TRIGGER, c.SQLITE_CREATE_TEMP_TRIGGER])

/** True for a statement that makes, changes or examines something of the schema. */
export function changesSchema(actions: number[]): boolean {
  return actions.some((action) => schemaActions.has(action) || action === c.SQLITE_ANALYZE)
}

/** Enters into a ledger what the authorizer was asked and what the program opens. */
export function readEvents(ledger: Ledger, events: Event[], program: Program, settings: Settings): void {
  const context = {
    ledger,
    program,
    settings,
    changesSchema: changesSchema(events.map((e) => e.action)),
    alters: events.some((e) => e.action === c.SQLITE_ALTER_TABLE),
  }
  // A statement that asks for nothing is none that is known here, unless its program says what it is.
  if (events.length === 0)
    ledger.entry('admin', { unknown: 'the engine does not say what the statement touches' })
  for (const event of events) readEvent(context, event, events)
  readPragmaTables(ledger, events, program, settings.text)
  readProgram(context, events)
  noteFields(context)
}

type Context = {
  ledger: Ledger
  program: Program
  settings: Settings
  changesSchema: boolean
  alters: boolean
}

function readEvent(context: Context, event: Event, events: Event[]): void {
  const { ledger } = context
  const { action, first, second, place } = event
  if (action === c.SQLITE_SELECT) return nameView(context, event)
  if (action === c.SQLITE_RECURSIVE) return
  if (action === c.SQLITE_READ) return readColumn(context, event, events)
  if (action === c.SQLITE_FUNCTION) return callFunction(context, second ?? '')
  if (action === c.SQLITE_INSERT || action === c.SQLITE_DELETE || action === c.SQLITE_UPDATE) {
    if (context.changesSchema && isInternal(first)) return
    if (context.changesSchema && action === c.SQLITE_DELETE) return
    enterChange(ledger, event, context.settings.planOnly)
  } else if (action === c.SQLITE_PRAGMA) {
    const kind = classifyPragma(first ?? '', second)
    if (kind === 'changes') ledger.entry('admin', null)
    else
      ledger.entry(
        'read',
        kind === 'asks' && second && !/^\d+$/.test(second) ? tableName(place, second) : null,
      )
  } else if (action === c.SQLITE_TRANSACTION || action === c.SQLITE_SAVEPOINT) {
    ledger.entry('admin', null)
  } else if (action === c.SQLITE_ATTACH || action === c.SQLITE_DETACH) {
    ledger.entry('admin', { unknown: 'ATTACH and DETACH reach files beside the database' })
  } else if (action === c.SQLITE_ANALYZE) {
    ledger.entry('admin', tableName(place, first)).allFields = true
  } else if (schemaActions.has(action)) {
    changeSchema(
      context,
      event,
      events.some((e) => indexActions.has(e.action)),
    )
  } else {
    ledger.entry('admin', { unknown: `the engine asks for a right that is not known here (${action})` })
  }
}

/** True for SQLite's own tables, the schema among them. */
export function isInternal(table: string | null): boolean {
  return /^sqlite_/i.test(table ?? '')
}

function tableName(place: string | null, table: string | null): string {
  return qualifiedName(place === 'main' || place === null ? undefined : place, table ?? '')
}

function written(ledger: Ledger, resource: string, planOnly: boolean): Entry {
  return planOnly ? ledger.entry('read', resource, 'writes') : ledger.entry('write', resource)
}

/** Enters a change of rows that the engine asked for. */
export function enterChange(ledger: Ledger, event: Event, planOnly: boolean): void {
  const entry = written(ledger, tableName(event.place, event.first), planOnly)
  if (event.action === c.SQLITE_UPDATE && event.second) entry.fields.add(event.second)
  else entry.allFields = true
}

/** A view is named with the query that stands for it, also where no column of it is used. */
function nameView({ ledger, program }: Context, { source }: Event): void {
  const view =
    source === null
      ? undefined
      : findTable(program, { action: 0, first: source, second: null, place: null, source: null })
  if (view?.kind === 'view') ledger.entry('read', tableName(view.place, view.name))
}

function findTable(program: Program, event: Event): Relation | undefined {
  const places = event.place === null ? ['temp', 'main'] : [event.place]
  return places
    .map((place) => program.tables.get(`${place}.${event.first}`.toLowerCase()))
    .find((table) => table)
}

function readColumn(context: Context, event: Event, events: Event[]): void {
  const { first, second } = event
  const { ledger, program } = context
  const name = (first ?? '').replace(/^sqlite_(temp_)?schema$/i, 'sqlite_$1master')
  // Making or dropping something reads the schema table for itself.
  if (context.changesSchema && isInternal(name) && !(isCreatedFrom(events) && second !== 'ROWID')) return
  const stub = context.settings.stub !== undefined
  const found = findTable(program, event)
  const known = found !== undefined || isInternal(name)
  if ((!known || stub) && isTableFunction(name)) return ledger.call(name.toLowerCase())
  // What is no table and nothing that the engine brings along is a query's own name for a part of itself.
  if (!known && !isReadingTable(name) && !isForeignTable(name) && !isModule(name)) return
  // A stub table stands for a name of which nothing is known: it may be one of the engine's own.
  if ((!known && !isReadingTable(name)) || (stub && isForeignTable(name))) {
    ledger.entry('admin', { unknown: `${name} is a virtual table that is not known here` })
  }
  const resource = tableName(found?.place ?? event.place, found?.name ?? name)
  // A change reads the rows it changes, and a trigger those it is called for; whether the table is also read beside
  // that, the program says.
  const isTarget = events.some((e) => {
    const changes = e.action === c.SQLITE_UPDATE || e.action === c.SQLITE_DELETE
    const fires = e.action === c.SQLITE_INSERT && event.source !== null
    return (changes || fires) && e.first === first && e.place === event.place
  })
  const entry =
    isTarget && !context.changesSchema
      ? written(ledger, resource, context.settings.planOnly)
      : ledger.entry('read', resource)
  if (second === '' || second === null) return
  // The number of a row has the name of the column that is the key, of which a stub knows nothing.
  if (stub && (second.startsWith(stubColumn) || second === 'ROWID')) entry.allFields = true
  else entry.fields.add(second)
}

function isCreatedFrom(events: Event[]): boolean {
  return events.some((e) => e.action === c.SQLITE_CREATE_TABLE || e.action === c.SQLITE_CREATE_TEMP_TABLE)
}

function callFunction(context: Context, name: string): void {
  // ALTER TABLE is carried out with functions of its own.
  if (context.alters) return
  const known = name.toLowerCase()
  context.ledger.call(known)
  if (isPureFunction(known)) return
  context.ledger.entry('admin', { unknown: `what ${known} touches cannot be told` })
}

function changeSchema(context: Context, event: Event, builds: boolean): void {
  const { action, first, second } = event
  const { ledger } = context
  if (
    context.changesSchema &&
    isInternal(action === c.SQLITE_ALTER_TABLE ? second : first) &&
    action !== c.SQLITE_REINDEX
  ) {
    return
  }
  const ofTable = [
    c.SQLITE_CREATE_INDEX,
    c.SQLITE_CREATE_TEMP_INDEX,
    c.SQLITE_CREATE_TRIGGER,
    c.SQLITE_CREATE_TEMP_TRIGGER,
    c.SQLITE_DROP_INDEX,
    c.SQLITE_DROP_TEMP_INDEX,
    c.SQLITE_DROP_TRIGGER,
    c.SQLITE_DROP_TEMP_TRIGGER,
  ].includes(action)
  // A new index is also built.
  if (action === c.SQLITE_REINDEX && builds) return
  const resource = schemaResource(context, event, ofTable)
  ledger.entry('schema', resource).allFields = true
  if (triggerActions.has(action)) {
    ledger.entry('schema', { unknown: 'what a trigger will run is not looked at' })
  }
}

function schemaResource({ program }: Context, event: Event, ofTable: boolean): string {
  const { action, first, second, place } = event
  if (action === c.SQLITE_ALTER_TABLE) return tableName(first, second)
  if (action !== c.SQLITE_REINDEX) return tableName(place, ofTable ? second : first)
  return tableName(place, program.indexes.get(`${place ?? 'main'}.${first ?? ''}`.toLowerCase()) ?? first)
}

/** What the program opens and does, which the authorizer may not have been told (NATURAL JOIN, USING, VACUUM). */
function readProgram(context: Context, events: Event[]): void {
  const { ledger, program } = context
  const virtual = new Set<string>()
  // A change scans and writes its table through one cursor; a read beside that has a cursor of its own.
  const cursor = (step: Step) => `${step.p1}:${openedBy(program, step)?.table}`
  const targets = new Set(program.steps.filter((step) => step.opcode === 'OpenWrite').map(cursor))
  for (const step of program.steps) {
    if (step.opcode === 'VOpen') virtual.add(step.p4 ?? '')
    if (step.opcode === 'Vacuum')
      ledger.entry('admin', { unknown: 'VACUUM rewrites or copies the whole database' })
    if (!['OpenRead', 'OpenWrite', 'ReopenIdx'].includes(step.opcode)) continue
    // A change of the schema opens pages that do not exist yet, and the schema table itself.
    if (context.changesSchema && (step.p2 === 1 || (step.p5 & 16) !== 0)) continue
    const opened = openedBy(program, step)
    if (!opened) {
      if (!context.changesSchema)
        ledger.entry('read', { unknown: 'the statement opens a table that has no name' })
      continue
    }
    const changes = step.opcode === 'OpenWrite' || targets.has(cursor(step))
    // SQLite keeps its own tables up to date by itself.
    if (isInternal(opened.table) && (context.changesSchema || changes)) continue
    openTable(context, tableName(opened.place, opened.table), changes)
  }
  const named = new Set(events.filter((e) => isVirtualRead(program, e)).map((e) => e.first))
  if (virtual.size > named.size + events.filter((e) => e.action === c.SQLITE_INSERT).length) {
    ledger.entry('read', { unknown: 'the statement opens a virtual table that has no name' })
  }
  const changes = program.steps.some(
    (step) => changingOpcodes.has(step.opcode) || (step.opcode === 'Transaction' && step.p2 > 0),
  )
  const entered = ledger.entries().some((entry) => entry.operation !== 'read')
  if (changes && !entered && !context.settings.planOnly) {
    ledger.entry('admin', { unknown: 'the statement changes something that has no name' })
  }
}

function openedBy(program: Program, step: Step): { place: string; table: string } | undefined {
  return program.roots.get(`${step.p3}:${step.p2}`)
}

/** Enters a table that the program opens, unless what it opens it for is known already. */
function openTable({ ledger, changesSchema, settings }: Context, resource: string, changes: boolean): void {
  const told = ledger.entries().filter((entry) => entry.resource === resource)
  if (changesSchema && told.length > 0) return
  if (told.some((entry) => (entry.list === 'writes') === changes || entry.operation === 'admin')) return
  // The authorizer says which columns; where it was not asked, any may be meant.
  const entry = changes ? written(ledger, resource, settings.planOnly) : ledger.entry('read', resource)
  if (told.length === 0) entry.allFields = true
  for (const other of told) {
    entry.allFields ||= other.allFields
    for (const field of other.fields) entry.fields.add(field)
  }
}

function isVirtualRead(program: Program, event: Event): boolean {
  if (event.action !== c.SQLITE_READ) return false
  const provided = isReadingTable(event.first ?? '') || isTableFunction(event.first ?? '')
  return (
    findTable(program, event)?.kind === 'virtual' ||
    (!findTable(program, event) && (provided || Boolean(event.second)))
  )
}

/** Over stub tables a column without its table may belong to any of them. */
function noteFields({ ledger, settings }: Context): void {
  const { stub } = settings
  if (!stub) return
  const isPragma = /^pragma\b/i.test(settings.text)
  const names = isPragma ? stub.unqualified : [...stub.unqualified, ...bareNames(settings.text)]
  for (const entry of ledger.entries()) {
    if (typeof entry.resource !== 'string' || entry.operation === 'schema') continue
    if (!stub.isExact(entry.resource)) entry.allFields = true
    if (entry.list === 'reads') for (const column of names) addField(entry, column)
  }
}

function addField({ fields }: Entry, column: string): void {
  const known = [...fields].some((field) => field.toLowerCase() === column.toLowerCase())
  if (!known) fields.add(column)
}

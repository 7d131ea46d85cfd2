import type { DatabaseSync } from 'node:sqlite'
import { qualifiedName } from './statement.ts'

// Without a schema a statement is compiled over stub tables. They are grown from what the engine itself says is
// missing, one step at a time; a step that does not change the engine's complaint is taken back.

/** The column every stub table begins with: it is read only where the statement says `*`. */
export const stubColumn = 'a_column_of_the_stub'

type Table = {
  name: string
  place: string
  columns: string[]
  fillers: number
  unique: string[]
  fts: boolean
  /** Columns that were named with this table, and so must be its own. */
  own: Set<string>
}

/** What the engine complains of, and how to ask it again. */
type Complaint = { message: string; sql: string; again: () => string | undefined }

/** The tables made up for one text, and what was guessed of them. */
export type Stub = {
  /** Takes one step against the engine's complaint; `again` compiles once more and says what is wrong then. */
  grow(message: string, sql: string, again: () => string | undefined): boolean
  /** Columns that were named without their table, and so may belong to any. */
  unqualified: Set<string>
  /** Every table that was made up, by the name it is reported under. */
  names(): string[]
  /** False where `*` over a table cannot be seen: every column of it may be meant. */
  isExact(table: string): boolean
}

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`
const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
/** True where the engine means a table, whose place it may name too. */
const isNamed = (table: Table, name: string) =>
  same(table.name, name) || same(`${table.place}.${table.name}`, name)
const hasColumn = (table: Table, column: string) => table.columns.some((own) => same(own, column))
const fullName = (table: Table) => `${quote(table.place)}.${quote(table.name)}`
const localName = (name: string) => name.replace(/^(main|temp)\./i, '')

// As many pairs of tables are tried for a column as take a moment.
const maxPairs = 100

// How many columns `*` is tried with where the engine wants a number it does not name; none at all comes first.
const widths = [0, ...Array.from({ length: 31 }, (_, i) => i + 2)]

/** Stub tables in an empty database; `quietly` runs a change of ours with the authorizer off. */
export function createStub(db: DatabaseSync, quietly: (change: () => void) => void): Stub {
  const tables: Table[] = []
  const unqualified = new Set<string>()
  const attached = new Set<string>()

  const run = (sql: string): boolean => {
    try {
      quietly(() => db.exec(sql))
      return true
    } catch {
      return false
    }
  }
  const make = (table: Table): boolean => {
    const fillers = Array.from({ length: table.fillers }, (_, i) =>
      i === 0 ? stubColumn : `${stubColumn}_${i}`,
    )
    const columns = [...fillers, ...table.columns].map(quote)
    const unique = table.unique.map((list) => `UNIQUE(${list})`)
    run(`DROP TABLE IF EXISTS ${fullName(table)}`)
    if (table.fts) return run(`CREATE VIRTUAL TABLE ${fullName(table)} USING fts5(${columns.join()})`)
    return run(`CREATE TABLE ${fullName(table)}(${[...columns, ...unique].join()})`)
  }
  const isBetter = ({ message, again }: Complaint, column = ''): boolean => {
    const now = again() ?? ''
    // A column put into a table too far out makes an aggregate belong there, one put into a second table makes its
    // name mean two: that is no progress.
    const twice = /^ambiguous column name: (.+)$/s.exec(now)?.[1]
    const isTwice = twice !== undefined && columnsOf(twice).some((name) => same(name, column))
    return now !== message && !isTwice && !now.startsWith('misuse of aggregate')
  }
  /** Changes a table, and keeps the change when the complaint is another one then. */
  const attempt = (table: Table, change: Partial<Table>, complaint: Complaint, column?: string): boolean => {
    const before = { ...table }
    Object.assign(table, change)
    if (make(table) && isBetter(complaint, column)) return true
    Object.assign(table, before)
    make(table)
    return false
  }
  // The tables last resolved are the innermost: a column is theirs before it is one of a query further out.
  const innermostFirst = () => tables.toReversed()
  /** Adds a column to one table, or to two where the engine says the same of another one then; returns which. */
  const addColumn = (column: string, complaint: Complaint, only?: string): Table[] | undefined => {
    const without = innermostFirst().filter(
      (t) => (only === undefined || isNamed(t, only)) && !hasColumn(t, column),
    )
    return groups(without).find((group) => {
      for (const t of group) make(Object.assign(t, { columns: [...t.columns, column] }))
      if (isBetter(complaint, group.length === 1 ? column : '')) return true
      for (const t of group) make(Object.assign(t, { columns: t.columns.slice(0, -1) }))
      return false
    })
  }

  const addTable = (text: string, complaint: Complaint): boolean => {
    if (same(text, 'sqlite_sequence'))
      return run('CREATE TABLE stub_sequence(a INTEGER PRIMARY KEY AUTOINCREMENT)')
    if (same(text, 'sqlite_stat1')) return run('ANALYZE')
    return placesOf(text).some(({ place, name }) => {
      if (!/^(main|temp)$/i.test(place) && !attach(place)) return false
      const table: Table = { place, name, columns: [], fillers: 1, unique: [], fts: false, own: new Set() }
      if (make(table) && isBetter(complaint)) return tables.push(table) > 0
      run(`DROP TABLE IF EXISTS ${fullName(table)}`)
      return false
    })
  }
  const attach = (place: string): boolean => {
    if (attached.has(place)) return true
    attached.add(place)
    return run(`ATTACH ':memory:' AS ${quote(place)}`)
  }
  const addMissingColumn = (text: string, complaint: Complaint): boolean => {
    const plain = text.replace(/ - should this be a string literal in single-quotes\?$/, '')
    const name = /^"(.*)"$/s.exec(plain)?.[1] ?? plain
    // A full-text table has a column of its own name.
    const own = tables.find((t) => same(t.name, name) && !t.fts)
    if (own && attempt(own, { fts: true }, complaint)) return true
    return columnsOf(name).some((candidate) =>
      candidate === name ? addUnqualified(name, complaint) : addOwn(candidate, complaint),
    )
  }
  const addUnqualified = (column: string, complaint: Complaint): boolean => {
    unqualified.add(column)
    return addColumn(column, complaint) !== undefined
  }
  /** A column named with its table: whatever table only had it because of its bare name gives it up. */
  const addOwn = (column: string, complaint: Complaint): boolean => {
    const key = column.toLowerCase()
    const holders = tables.filter((t) => hasColumn(t, column) && !t.own.has(key))
    const set = (table: Table, columns: string[]) => make(Object.assign(table, { columns }))
    for (const t of holders)
      set(
        t,
        t.columns.filter((own) => !same(own, column)),
      )
    const owners = addColumn(column, complaint)
    for (const owner of owners ?? []) owner.own.add(key)
    if (!owners) for (const t of holders) set(t, [...t.columns, column])
    return owners !== undefined
  }
  /** The two sides of a join by a name. */
  const addToBoth = (column: string, complaint: Complaint): boolean => {
    const owners = addColumn(column, complaint)
    for (const owner of owners ?? []) owner.own.add(column.toLowerCase())
    return owners !== undefined
  }
  // A column that was named with its table stays there: taken away, it would only be missed again.
  const removeColumn = (column: string, complaint: Complaint): boolean =>
    tables
      .filter((t) => hasColumn(t, column) && !t.own.has(column.toLowerCase()))
      .some((t) => attempt(t, { columns: t.columns.filter((own) => !same(own, column)) }, complaint))
  const setWidth = (name: string, width: number, complaint: Complaint): boolean =>
    tables
      .filter((t) => isNamed(t, name) && width >= t.columns.length && width < 2_000)
      .some((t) => attempt(t, { fillers: width - t.columns.length }, complaint))
  const tryWidths = (complaint: Complaint): boolean =>
    tables.some((t) => widths.some((fillers) => attempt(t, { fillers }, complaint)))
  const addFunction = (name: string): boolean => {
    quietly(() => db.function(name, { varargs: true }, () => null))
    return true
  }
  const makeFullText = (complaint: Complaint, only?: string): boolean =>
    tables
      .filter((t) => !t.fts && (only === undefined || same(t.name, only)))
      .some((t) => attempt(t, { fts: true }, complaint))
  const addIndex = (name: string, complaint: Complaint): boolean => {
    const index = quote(name)
    if (tables.length === 0) return run(`CREATE TABLE stub_index(a); CREATE INDEX ${index} ON stub_index(a)`)
    return tables.some((t) => {
      if (run(`CREATE INDEX ${index} ON ${quote(t.name)}(${quote(stubColumn)})`) && isBetter(complaint))
        return true
      run(`DROP INDEX IF EXISTS ${index}`)
      return false
    })
  }
  const addTrigger = (name: string): boolean =>
    run('CREATE TABLE IF NOT EXISTS stub_trigger(a)') &&
    run(`CREATE TRIGGER ${quote(localName(name))} AFTER INSERT ON stub_trigger BEGIN SELECT 1; END`)
  const addUnique = (complaint: Complaint): boolean => {
    const list = /\bon\s+conflict\s*\(([^()]*)\)/i.exec(complaint.sql)?.[1]
    if (list === undefined) return false
    return tables.some(
      (t) => !t.unique.includes(list) && attempt(t, { unique: [...t.unique, list] }, complaint),
    )
  }

  // The engine's complaints, in its own words, and the step that may help.
  const steps: [RegExp, (complaint: Complaint, first: string, second: string) => boolean][] = [
    [/^no such table: (.+)$/s, (complaint, name) => addTable(name, complaint)],
    [/^unknown database:? (.+)$/s, (_, name) => attach(name)],
    [/^no such column: (.+)$/s, (complaint, name) => addMissingColumn(name, complaint)],
    [
      /^table (.+) has no column named (.+)$/s,
      (complaint, table, column) => addColumn(column, complaint, table) !== undefined,
    ],
    [
      /^cannot join using column (.+) - column not present in both tables$/s,
      (complaint, name) => addToBoth(name, complaint),
    ],
    [/^ambiguous column name: (?:.+\.)?(.+)$/s, (complaint, name) => removeColumn(name, complaint)],
    [
      /^table (.+) has \d+ columns but (\d+) values were supplied$/s,
      (complaint, table, width) => setWidth(table, Number(width), complaint),
    ],
    [/do not have the same number of result columns$/, tryWidths],
    [/^sub-select returns \d+ columns - expected \d+$/, tryWidths],
    [/^no such function: (.+)$/s, (_, name) => addFunction(name)],
    [/^unable to use function \S+ in the requested context$/, (complaint) => makeFullText(complaint)],
    [/^'(.+)' is not a function$/s, (complaint, name) => makeFullText(complaint, name)],
    [/^no such index: (.+)$/s, (complaint, name) => addIndex(name, complaint)],
    [/^no such view: (.+)$/s, (_, name) => run(`CREATE VIEW ${quote(localName(name))} AS SELECT 1`)],
    [/^no such trigger: (.+)$/s, (_, name) => addTrigger(name)],
    [/^ON CONFLICT clause does not match/, addUnique],
  ]
  return {
    grow(message, sql, again) {
      const complaint = { message, sql, again }
      return steps.some(([pattern, step]) => {
        const match = pattern.exec(message)
        return match !== null && step(complaint, match[1] ?? '', match[2] ?? '')
      })
    },
    unqualified,
    names: () => tables.map(({ place, name }) => qualifiedName(place === 'main' ? undefined : place, name)),
    isExact: (name) => tables.every((t) => !same(t.name, name) || t.fillers > 0),
  }
}

/** Each table, then each two of them, then all. */
function groups(tables: Table[]): Table[][] {
  const pairs = tables.flatMap((t, at) => tables.slice(at + 1).map((other) => [t, other]))
  return [...tables.map((t) => [t]), ...pairs.slice(0, maxPairs), ...(tables.length > 2 ? [tables] : [])]
}

/** The tables that a name with dots in it may mean: the engine's message does not say which dot is which. */
function placesOf(text: string): { place: string; name: string }[] {
  const dot = text.indexOf('.')
  const whole = { place: 'main', name: text }
  if (dot <= 0) return [whole]
  const split = { place: text.slice(0, dot), name: text.slice(dot + 1) }
  return /^(main|temp)$/i.test(split.place) ? [split, whole] : [whole, split]
}

/** The columns that `a.b.c` may mean: after each dot, and as a whole. */
function columnsOf(name: string): string[] {
  const candidates: string[] = []
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1))
    candidates.push(name.slice(dot + 1))
  return [...candidates, name]
}

import type { DatabaseSync } from 'node:sqlite'

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
}

/** The tables made up for one text, and what was guessed of them. */
export type Stub = {
  /** Takes one step against the engine's complaint; `complaint()` compiles again and says what is wrong now. */
  grow(message: string, sql: string, complaint: () => string | undefined): boolean
  /** Columns that were named without their table, and so may belong to any. */
  unqualified: Set<string>
  /** Functions that SQLite itself does not have. */
  functions: Set<string>
  /** Databases that the statement expects to be attached. */
  attached: Set<string>
  /** True where every column of the stub may be meant, although `*` was not seen. */
  isExact(table: string): boolean
}

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`

/** Stub tables in an empty database; `quietly` runs a change of ours with the authorizer off. */
export function createStub(db: DatabaseSync, quietly: (change: () => void) => void): Stub {
  const tables: Table[] = []
  const unqualified = new Set<string>()
  const functions = new Set<string>()
  const attached = new Set<string>()

  const run = (sql: string): boolean => {
    try {
      quietly(() => db.exec(sql))
      return true
    } catch {
      return false
    }
  }
  const fullName = (table: Table) => `${quote(table.place)}.${quote(table.name)}`
  const make = (table: Table): boolean => {
    const fillers = Array.from({ length: table.fillers }, (_, i) =>
      i === 0 ? stubColumn : `${stubColumn}_${i}`,
    )
    const columns = [...fillers, ...table.columns].map(quote)
    const unique = table.unique.map((list) => `UNIQUE(${list})`)
    run(`DROP TABLE IF EXISTS ${fullName(table)}`)
    const body = table.fts ? columns.join() : [...columns, ...unique].join()
    return run(
      table.fts
        ? `CREATE VIRTUAL TABLE ${fullName(table)} USING fts5(${body})`
        : `CREATE TABLE ${fullName(table)}(${body})`,
    )
  }
  /** Changes a table, keeps the change when the complaint is another one then. */
  const attempt = (
    table: Table,
    change: Partial<Table>,
    message: string,
    complaint: () => string | undefined,
  ) => {
    const before = { ...table }
    Object.assign(table, change)
    if (make(table) && complaint() !== message) return true
    Object.assign(table, before)
    make(table)
    return false
  }
  const hasColumn = (table: Table, column: string) =>
    table.columns.some((c) => c.toLowerCase() === column.toLowerCase())
  const addColumn = (column: string, message: string, complaint: () => string | undefined, only?: string) =>
    tables
      .filter(
        (t) => (only === undefined || t.name.toLowerCase() === only.toLowerCase()) && !hasColumn(t, column),
      )
      .some((t) => attempt(t, { columns: [...t.columns, column] }, message, complaint))

  function addTable(text: string, message: string, complaint: () => string | undefined): boolean {
    if (/^sqlite_sequence$/i.test(text))
      return run('CREATE TABLE stub_sequence(a INTEGER PRIMARY KEY AUTOINCREMENT)')
    if (/^sqlite_stat1$/i.test(text)) return run('ANALYZE')
    const dot = text.indexOf('.')
    const place = dot > 0 ? text.slice(0, dot) : 'main'
    const local = /^(main|temp)$/i.test(place)
    const candidates = [{ place: 'main', name: text }]
    if (dot > 0 && local) candidates.unshift({ place: place.toLowerCase(), name: text.slice(dot + 1) })
    if (dot > 0 && !local) candidates.push({ place, name: text.slice(dot + 1) })
    for (const candidate of candidates) {
      const { place: where } = candidate
      if (!/^(main|temp)$/i.test(where) && !attached.has(where)) {
        if (!run(`ATTACH ':memory:' AS ${quote(where)}`)) continue
        attached.add(where)
      }
      const table: Table = { ...candidate, columns: [], fillers: 1, unique: [], fts: false }
      if (make(table) && complaint() !== message) {
        tables.push(table)
        return true
      }
      run(`DROP TABLE IF EXISTS ${fullName(table)}`)
    }
    return false
  }

  function grow(message: string, sql: string, complaint: () => string | undefined): boolean {
    const found = (pattern: RegExp) => pattern.exec(message)
    let match: RegExpExecArray | null
    if ((match = found(/^no such table: (.+)$/s))) return addTable(match[1] as string, message, complaint)
    if ((match = found(/^unknown database:? (.+)$/s))) {
      attached.add(match[1] as string)
      return run(`ATTACH ':memory:' AS ${quote(match[1] as string)}`)
    }
    if ((match = found(/^no such column: (.+)$/s)))
      return missingColumn(match[1] as string, message, complaint)
    if ((match = found(/^table (.+) has no column named (.+)$/s)))
      return addColumn(match[2] as string, message, complaint, match[1])
    if ((match = found(/^cannot join using column (.+) - column not present in both tables$/s))) {
      const column = match[1] as string
      for (const t of tables.filter((table) => !hasColumn(table, column))) {
        t.columns = [...t.columns, column]
        make(t)
      }
      return complaint() !== message
    }
    if ((match = found(/^ambiguous column name: (?:.+\.)?(.+)$/s))) {
      const column = match[1] as string
      return tables
        .filter((t) => hasColumn(t, column))
        .some((t) =>
          attempt(
            t,
            { columns: t.columns.filter((c) => c.toLowerCase() !== column.toLowerCase()) },
            message,
            complaint,
          ),
        )
    }
    if ((match = found(/^table (.+) has \d+ columns but (\d+) values were supplied$/s))) {
      const wanted = Number(match[2])
      return tables
        .filter(
          (t) =>
            t.name.toLowerCase() === match?.[1]?.toLowerCase() &&
            wanted >= t.columns.length &&
            wanted < 2_000,
        )
        .some((t) => attempt(t, { fillers: wanted - t.columns.length }, message, complaint))
    }
    if (found(/do not have the same number of result columns$/))
      return tables.some((t) =>
        [2, 3, 4, 5, 6, 7, 8].some((fillers) => attempt(t, { fillers }, message, complaint)),
      )
    if ((match = found(/^no such function: (.+)$/s))) {
      const name = match[1] as string
      functions.add(name.toLowerCase())
      quietly(() => db.function(name, { varargs: true }, () => null))
      return true
    }
    if (found(/^unable to use function \S+ in the requested context$/))
      return tables.some((t) => !t.fts && attempt(t, { fts: true }, message, complaint))
    if ((match = found(/^'(.+)' is not a function$/s)))
      return tables
        .filter((t) => t.name.toLowerCase() === match?.[1]?.toLowerCase())
        .some((t) => attempt(t, { fts: true }, message, complaint))
    if ((match = found(/^no such index: (.+)$/s))) {
      const name = quote(match[1] as string)
      if (tables.length === 0) return run(`CREATE TABLE stub_index(a); CREATE INDEX ${name} ON stub_index(a)`)
      return tables.some((t) => {
        if (run(`CREATE INDEX ${name} ON ${quote(t.name)}(${quote(stubColumn)})`) && complaint() !== message)
          return true
        run(`DROP INDEX IF EXISTS ${name}`)
        return false
      })
    }
    if ((match = found(/^no such view: (.+)$/s)))
      return run(`CREATE VIEW ${quote(last(match[1]))} AS SELECT 1`)
    if ((match = found(/^no such trigger: (.+)$/s)))
      return run(
        `CREATE TABLE stub_trigger(a); CREATE TRIGGER ${quote(last(match[1]))} AFTER INSERT ON stub_trigger BEGIN SELECT 1; END`,
      )
    if (found(/^ON CONFLICT clause does not match/)) {
      const list = /\bon\s+conflict\s*\(([^()]*)\)/i.exec(sql)?.[1]
      return (
        list !== undefined &&
        tables.some(
          (t) => !t.unique.includes(list) && attempt(t, { unique: [...t.unique, list] }, message, complaint),
        )
      )
    }
    return false
  }

  const last = (name: string | undefined) => (name ?? '').replace(/^(main|temp)\./i, '')

  function missingColumn(text: string, message: string, complaint: () => string | undefined): boolean {
    const plain = text.replace(/ - should this be a string literal in single-quotes\?$/, '')
    const name = /^"(.*)"$/s.exec(plain)?.[1] ?? plain
    // A full-text table has a column of its own name.
    const own = tables.find((t) => t.name.toLowerCase() === name.toLowerCase() && !t.fts)
    if (own && attempt(own, { fts: true }, message, complaint)) return true
    const candidates = [name]
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1))
      candidates.splice(-1, 0, name.slice(dot + 1))
    for (const candidate of candidates) {
      if (!addColumn(candidate, message, complaint)) continue
      if (candidate === name) unqualified.add(candidate)
      return true
    }
    return false
  }

  return {
    grow,
    unqualified,
    functions,
    attached,
    isExact: (name) => tables.every((t) => t.name.toLowerCase() !== name.toLowerCase() || t.fillers > 0),
  }
}

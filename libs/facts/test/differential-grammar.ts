// Queries that are valid: every expression has a type, and every name is one that is in sight.
import type { Random } from './differential-random.ts'

export type Type = 'int' | 'num' | 'text' | 'bool' | 'date' | 'json' | 'texts'
export type Column = { name: string; type: Type }
export type Table = { schema: string; name: string; columns: Column[] }
export type Query = { sql: string; columns: Column[] }

/** A row source under its alias. `merged`: a name of it stands for the other side of a join too. */
export type Source = { alias: string; columns: Column[] }
export type Scope = { sources: Source[]; outer: Scope | undefined; qualifiedOnly?: boolean }

/** Makes an expression of a type from what is in sight. */
export type Maker = (make: Making, scope: Scope, depth: number) => string

/** One engine's ways of writing things. */
export type Dialect = {
  types: readonly Type[]
  literal: (type: Type, random: Random) => string
  expressions: Record<Type, readonly Maker[]>
  aggregates: Record<Type, readonly Maker[]>
  windows: Record<Type, readonly string[]>
  /** Row sources beside tables and queries, of one-off shapes. */
  sources: readonly ((make: Making, scope: Scope, depth: number, alias: string) => Query)[]
  sampled: readonly string[]
  lateral: boolean
  groupings: readonly string[]
  cteOptions: readonly string[]
  /** A query may read its own name without being said to. */
  everyCteIsRecursive: boolean
}

export type Making = {
  random: Random
  dialect: Dialect
  tables: readonly Table[]
  expression(type: Type, scope: Scope, depth: number): string
  query(types: readonly Type[] | undefined, outer: Scope | undefined, depth: number): Query
  /** Something dangerous to stand where an expression of the type may. */
  hazard: (type: Type) => string | undefined
}

export type GrammarOptions = { hazard?: (type: Type) => string | undefined }

/** A maker of random queries over tables. */
export function grammar(
  random: Random,
  dialect: Dialect,
  tables: readonly Table[],
  options: GrammarOptions = {},
): Making {
  const make: Making = {
    random,
    dialect,
    tables,
    expression: (type, scope, depth) => expression(make, type, scope, depth),
    query: (types, outer, depth) => query(make, types, outer, depth, []),
    hazard: options.hazard ?? (() => undefined),
  }
  return make
}

const reserved = /^(update|delete|select|drop)$/
const quote = (name: string) => (/^[a-z_][a-z_0-9]*$/.test(name) && !reserved.test(name) ? name : `"${name}"`)
const names = ['id', 'name', 'email', 'total', 'note', 'v', 'w', 'x1', 'y1', 'sku', 'amount']

/** The columns of a type in sight, nearest first, as they may be written. */
function columns(type: Type, scope: Scope | undefined): string[] {
  const found: string[] = []
  for (let s = scope; s; s = s.outer) {
    const level = s.sources.flatMap((source) => source.columns.map(({ name }) => name))
    for (const { alias, columns: own } of s.sources) {
      for (const { name } of own.filter((column) => column.type === type)) {
        found.push(`${quote(alias)}.${quote(name)}`)
        if (s === scope && !s.qualifiedOnly && level.filter((other) => other === name).length === 1)
          found.push(quote(name))
      }
    }
  }
  return found
}

function expression(make: Making, type: Type, scope: Scope, depth: number): string {
  const { random, dialect } = make
  const dangerous = make.hazard(type)
  if (dangerous !== undefined) return dangerous
  const seen = columns(type, scope)
  if (depth <= 0 || random.chance(0.25))
    return seen.length > 0 && random.chance(0.85) ? random.pick(seen) : dialect.literal(type, random)
  const choice = random.below(10)
  if (choice === 0) {
    const [then, other] = [expression(make, type, scope, depth - 1), expression(make, type, scope, depth - 1)]
    return `CASE WHEN ${expression(make, 'bool', scope, depth - 1)} THEN ${then} ELSE ${other} END`
  }
  if (choice === 1)
    return `coalesce(${expression(make, type, scope, depth - 1)}, ${expression(make, type, scope, depth - 1)})`
  if (choice === 2 && depth > 1) return scalarQuery(make, type, scope, depth - 1)
  return random.pick(dialect.expressions[type])(make, scope, depth - 1)
}

/** A query of one row: an aggregate, or one that is ordered by every column and cut. */
function scalarQuery(make: Making, type: Type, scope: Scope, depth: number): string {
  const inner: Scope = { sources: [], outer: scope }
  const from = fromList(make, inner, depth, [])
  const where = make.random.chance(0.6) ? ` WHERE ${expression(make, 'bool', inner, depth)}` : ''
  const aggregates = make.dialect.aggregates[type]
  if (aggregates.length === 0) return make.dialect.literal(type, make.random)
  return `(SELECT ${make.random.pick(aggregates)(make, { ...inner, outer: undefined }, depth - 1)} FROM ${from}${where})`
}

type Named = { name: string; columns: Column[] }

function query(
  make: Making,
  types: readonly Type[] | undefined,
  outer: Scope | undefined,
  depth: number,
  ctes: readonly Named[],
): Query {
  const { random } = make
  const wanted = types ?? manyTypes(make)
  return depth > 1 && random.chance(0.3)
    ? withQuery(make, wanted, outer, depth, ctes)
    : body(make, wanted, outer, depth, ctes)
}

function body(
  make: Making,
  wanted: readonly Type[],
  outer: Scope | undefined,
  depth: number,
  ctes: readonly Named[],
): Query {
  const { random } = make
  if (depth > 0 && random.chance(0.18)) return setOperation(make, wanted, outer, depth, ctes)
  if (random.chance(0.06)) return values(make, wanted, outer, depth)
  return select(make, wanted, outer, depth, ctes)
}

function manyTypes({ random, dialect }: Making): Type[] {
  return Array.from({ length: 1 + random.below(4) }, () => random.pick(dialect.types))
}

function uniqueNames({ random }: Making, count: number): string[] {
  return random.shuffle(names).slice(0, count)
}

function withQuery(
  make: Making,
  types: readonly Type[],
  outer: Scope | undefined,
  depth: number,
  ctes: readonly Named[],
): Query {
  const { random, dialect } = make
  const recursive = random.chance(0.4)
  const bound: Named[] = []
  const parts = Array.from({ length: 1 + random.below(2) }, () => {
    // A name may be that of a table, which it then hides.
    const name = random.pick(['c1', 'c2', 'c3', ...make.tables.map((table) => table.name)].filter(plain))
    // A name that an outer query is being given would read that query.
    const taken = dialect.everyCteIsRecursive ? [...bound, ...ctes] : bound
    if (taken.some((other) => other.name === name)) return ''
    const visible = hiding([...bound, ...ctes])
    const part =
      recursive && random.chance(0.6)
        ? recursivePart(make, name, outer, depth - 1, visible)
        : plainPart(
            make,
            name,
            outer,
            depth - 1,
            recursive || dialect.everyCteIsRecursive ? without(visible, name) : visible,
          )
    bound.unshift({ name, columns: part.columns })
    return part.sql
  }).filter((part) => part !== '')
  const main = body(make, types, outer, depth - 1, [...bound, ...ctes])
  const options = dialect.cteOptions
  const list = parts.map((part) => part.replace(' AS (', () => ` AS ${random.pick(options)}(`))
  return { sql: `WITH ${recursive ? 'RECURSIVE ' : ''}${list.join(', ')} ${main.sql}`, columns: main.columns }
}

const plain = (name: string) => quote(name) === name
const hiding = (ctes: readonly Named[]) => ctes
// A query under RECURSIVE that reads its own name would read itself.
const without = (ctes: readonly Named[], name: string): Named[] => [
  { name, columns: [] },
  ...ctes.filter((other) => other.name !== name),
]

function plainPart(
  make: Making,
  name: string,
  outer: Scope | undefined,
  depth: number,
  ctes: readonly Named[],
): Query {
  const inner = query(make, undefined, outer, depth, ctes)
  if (make.random.chance(0.5)) return { sql: `${name} AS (${inner.sql})`, columns: inner.columns }
  const renamed = uniqueNames(make, inner.columns.length)
  const list = inner.columns.map(({ type }, at) => ({ name: renamed[at] as string, type }))
  return { sql: `${name}(${renamed.join(', ')}) AS (${inner.sql})`, columns: list }
}

function recursivePart(
  make: Making,
  name: string,
  outer: Scope | undefined,
  depth: number,
  ctes: readonly Named[],
): Query {
  const others = manyTypes(make).slice(0, 2)
  const list: Column[] = [
    { name: 'n', type: 'int' },
    ...uniqueNames(make, others.length).map((own, at) => ({ name: own, type: others[at] as Type })),
  ]
  const start = select(make, others, outer, Math.max(depth - 1, 0), without(ctes, name))
  const scope: Scope = { sources: [{ alias: 'r', columns: list }], outer }
  const again = others.map((type) => expression(make, type, { ...scope, outer: undefined }, 1))
  const head = `${name}(${list.map((column) => column.name).join(', ')})`
  const first = `SELECT 1, q.* FROM (${start.sql}) q`
  const next = `SELECT ${['r.n + 1', ...again].join(', ')} FROM ${name} r WHERE r.n < 3`
  return { sql: `${head} AS (${first} UNION ALL ${next})`, columns: list }
}

function setOperation(
  make: Making,
  types: readonly Type[],
  outer: Scope | undefined,
  depth: number,
  ctes: readonly Named[],
): Query {
  const comparable = types.every((type) => type !== 'json')
  const operator = make.random.pick(
    comparable ? ['UNION', 'INTERSECT', 'EXCEPT', 'UNION ALL'] : ['UNION ALL'],
  )
  const left = select(make, types, outer, depth - 1, ctes)
  const right = select(make, types, outer, depth - 1, ctes)
  return { sql: `${left.sql} ${operator} ${right.sql}`, columns: left.columns }
}

function values(make: Making, types: readonly Type[], outer: Scope | undefined, depth: number): Query {
  const scope: Scope = { sources: [], outer }
  const row = () => `(${types.map((type) => expression(make, type, scope, depth - 1)).join(', ')})`
  return {
    sql: `VALUES ${row()}, ${row()}`,
    columns: types.map((type, at) => ({ name: `column${at + 1}`, type })),
  }
}

function select(
  make: Making,
  types: readonly Type[],
  outer: Scope | undefined,
  depth: number,
  ctes: readonly Named[],
): Query {
  const { random, dialect } = make
  const scope: Scope = { sources: [], outer }
  const from = fromList(make, scope, depth, ctes)
  const where = random.chance(0.5) ? ` WHERE ${expression(make, 'bool', scope, depth)}` : ''
  const list = uniqueNames(make, types.length)
  const grouped = depth > 0 && random.chance(0.25)
  const keys = grouped ? keysOf(make, scope) : []
  const outputs = types.map((type, at) => {
    const as = ` AS ${list[at]}`
    if (grouped) return groupedOutput(make, type, scope, keys, depth) + as
    const functions = dialect.windows[type]
    if (functions.length > 0 && depth > 0 && random.chance(0.12)) return windowed(make, type, scope) + as
    return expression(make, type, scope, depth) + as
  })
  const group =
    keys.length > 0
      ? ` GROUP BY ${random.pick(dialect.groupings).replace('?', () => keys.map(({ sql }) => sql).join(', '))}`
      : ''
  const having = grouped && random.chance(0.3) ? ' HAVING count(*) > 0' : ''
  const distinct = !types.includes('json') && random.chance(0.1) ? 'DISTINCT ' : ''
  return {
    sql: `SELECT ${distinct}${outputs.join(', ')} FROM ${from}${where}${group}${having}`,
    columns: types.map((type, at) => ({ name: list[at] as string, type })),
  }
}

type Key = { sql: string; type: Type }

function keysOf({ random }: Making, scope: Scope): Key[] {
  const own = scope.sources.flatMap(({ alias, columns: list }) =>
    list.map(({ name, type }) => ({ sql: `${quote(alias)}.${quote(name)}`, type })),
  )
  const comparable = own.filter(({ type }) => type !== 'json')
  return comparable.length === 0 ? [] : random.shuffle(comparable).slice(0, 1 + random.below(2))
}

function groupedOutput(make: Making, type: Type, scope: Scope, keys: Key[], depth: number): string {
  const { random, dialect } = make
  const usable = keys.filter((key) => key.type === type)
  if (usable.length > 0 && random.chance(0.5)) return random.pick(usable).sql
  const aggregates = dialect.aggregates[type]
  return aggregates.length > 0
    ? random.pick(aggregates)(make, { ...scope, outer: undefined }, depth - 1)
    : dialect.literal(type, random)
}

function windowed(make: Making, type: Type, scope: Scope): string {
  const { random, dialect } = make
  const call = random.pick(dialect.windows[type]).replaceAll('?', () => expression(make, type, scope, 0))
  const partition = random.chance(0.5) ? `PARTITION BY ${expression(make, 'int', scope, 1)} ` : ''
  // Ordered by everything that can be, so that the answer does not depend on how rows lie.
  const order = scope.sources
    .flatMap(({ alias, columns: list }) =>
      list.filter(({ type: of }) => of !== 'json').map(({ name }) => `${quote(alias)}.${quote(name)}`),
    )
    .join(', ')
  return order === '' ? dialect.literal(type, random) : `${call} OVER (${partition}ORDER BY ${order})`
}

function fromList(make: Making, scope: Scope, depth: number, ctes: readonly Named[]): string {
  const { random } = make
  const count = depth > 0 ? 1 + random.below(3) : 1
  let sql = ''
  for (let at = 0; at < count; at++) {
    const alias = `t${scope.outer ? levelOf(scope) : ''}${at}`
    const source = fromItem(make, scope, depth, ctes, alias)
    if (at === 0) sql = source.sql
    else sql = joined(make, sql, scope, source, at === count - 1)
    scope.sources.push({ alias, columns: source.columns })
  }
  return sql
}

function levelOf(scope: Scope): string {
  let level = ''
  for (let s = scope.outer; s; s = s.outer) level += 'i'
  return level
}

function joined(
  make: Making,
  left: string,
  scope: Scope,
  right: Query & { lateral?: boolean },
  last: boolean,
): string {
  const { random } = make
  if (right.lateral) return `${left} CROSS JOIN ${right.sql}`
  const here: Scope = { sources: scope.sources, outer: undefined, qualifiedOnly: true }
  const shared = sharedName(scope, right.columns)
  const style = random.below(5)
  if (style === 0) return `${left} CROSS JOIN ${right.sql}`
  if (style === 1 && last) return `${left}, ${right.sql}`
  if (shared !== undefined && style < 4)
    return `${left} ${random.pick(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'])} ${right.sql} USING (${quote(shared)})`
  return `${left} ${random.pick(['JOIN', 'LEFT JOIN'])} ${right.sql} ON ${expression(make, 'bool', here, 1)}`
}

/** A name that exactly one source on the left and the one on the right have, of the same type. */
function sharedName(scope: Scope, right: Column[]): string | undefined {
  return right.find(({ name, type }) => {
    const left = scope.sources.flatMap(({ columns: list }) => list.filter((column) => column.name === name))
    return left.length === 1 && left[0]?.type === type && type !== 'json' && scope.sources.length === 1
  })?.name
}

function fromItem(
  make: Making,
  scope: Scope,
  depth: number,
  ctes: readonly Named[],
  alias: string,
): Query & { lateral?: boolean } {
  const { random, dialect } = make
  const choice = random.below(10)
  if (choice < 2 && depth > 0) {
    const lateral = dialect.lateral && scope.sources.length > 0 && random.chance(0.5)
    const inner = query(make, undefined, lateral ? scope : scope.outer, depth - 1, ctes)
    return { sql: `${lateral ? 'LATERAL ' : ''}(${inner.sql}) AS ${alias}`, columns: inner.columns, lateral }
  }
  if (choice === 2 && dialect.sources.length > 0) {
    const own = scope.sources.length > 0 && dialect.lateral ? scope : { sources: [], outer: scope.outer }
    return { ...random.pick(dialect.sources)(make, own, Math.min(depth - 1, 1), alias), lateral: true }
  }
  const usable = ctes.filter(
    (cte, at) => cte.columns.length > 0 && ctes.findIndex((o) => o.name === cte.name) === at,
  )
  if (usable.length > 0 && random.chance(0.5)) {
    const cte = random.pick(usable)
    return { sql: `${quote(cte.name)} AS ${alias}`, columns: cte.columns }
  }
  const table = random.pick(make.tables)
  const hidden = ctes.some((cte) => cte.name === table.name)
  const bare = table.schema === '' || (table.schema === 'public' && !hidden && random.chance(0.7))
  if (table.schema === '' && hidden)
    return { sql: `(SELECT 1 AS v) AS ${alias}`, columns: [{ name: 'v', type: 'int' }] }
  const sample = random.chance(0.05) ? random.pick(dialect.sampled) : ''
  const name = bare ? quote(table.name) : `${quote(table.schema)}.${quote(table.name)}`
  return { sql: `${name} AS ${alias}${sample}`, columns: table.columns }
}

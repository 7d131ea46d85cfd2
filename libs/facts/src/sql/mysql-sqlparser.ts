// sqlparser-rs, a parser in Rust compiled to WebAssembly: which tables it sees in an outline.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { compileFunction } from 'node:vm'

/** What another parser sees in an outline. */
export type Sighting = {
  tables: string[][]
  /** Functions that are called by another name than outlines have. */
  calls: string[]
  kind: 'query' | 'change' | 'other'
}

type Exports = {
  initSync: (source: { module: object }) => void
  parse_sql: (dialect: string, sql: string) => unknown
}

// Node has it; the types of Node do not.
const { Module, RuntimeError } = (
  globalThis as unknown as {
    WebAssembly: { Module: new (bytes: Uint8Array) => object; RuntimeError: new () => Error }
  }
).WebAssembly

let compiled: { module: object; glue: string } | undefined
let instance: Exports | undefined

/** Loads the parser. */
export function prepareSqlparser(): Exports {
  instance ??= instantiate()
  return instance
}

// The package's own entry point loads asynchronously and once; an instance that has trapped must be replaced.
function instantiate(): Exports {
  compiled ??= load()
  const make = compileFunction(compiled.glue) as () => Exports
  const made = make()
  made.initSync({ module: compiled.module })
  return made
}

function load(): { module: object; glue: string } {
  const entry = createRequire(import.meta.url).resolve('@guanmingchiu/sqlparser-ts')
  const file = (name: string) => new URL(`../wasm/sqlparser_rs_wasm${name}`, `file://${entry}`)
  const glue = readFileSync(file('.js'), 'utf8')
    .replace(/^export \{[^}]*\};?$/gm, '')
    .replace(/^export /gm, '')
    .replaceAll('import.meta.url', 'undefined')
  const module = new Module(readFileSync(file('_bg.wasm')))
  return { module, glue: `${glue}\nreturn { initSync, parse_sql }` }
}

/** The tables of an outline; undefined where this parser does not accept it as one statement. */
export function sqlparserSighting(outline: string): Sighting | undefined {
  let statements: unknown
  try {
    statements = prepareSqlparser().parse_sql('mysql', outline)
  } catch (error) {
    // A refusal is a plain value or an error of the parser; anything else leaves the instance in a state of its own.
    if (error instanceof RuntimeError || error instanceof RangeError) instance = undefined
    return undefined
  }
  if (!Array.isArray(statements) || statements.length !== 1) return undefined
  const found: Found = { tables: [], calls: [], changes: false }
  collect(statements[0], found)
  const [tag] = Object.keys(statements[0] as object)
  const kind = found.changes ? 'change' : tag === 'Query' ? 'query' : 'other'
  return { tables: found.tables, calls: found.calls, kind }
}

type Tree = { [key: string]: unknown }
type Found = { tables: string[][]; calls: string[]; changes: boolean }

const changes = /^(Insert|Update|Delete|Merge|Create\w+|Alter\w+|Truncate|Drop|Rename\w+)$/
// The keys below which the tree has the name of an object, or several of them.
const named = /^(name|names|TableName|table|tables|table_name|foreign_table|old_name|new_name|To)$/

/** Every name of an object, and whether anything is changed. Iterative: a chain may be long. */
function collect(root: unknown, found: Found): void {
  const waiting: unknown[] = [root]
  while (waiting.length > 0) {
    const node = waiting.pop()
    if (node === null || typeof node !== 'object') continue
    if (Array.isArray(node)) for (const each of node as unknown[]) waiting.push(each)
    else for (const [key, value] of Object.entries(node as Tree)) waiting.push(seen(key, value, found))
  }
}

/** Notes what a key says, and returns what is left to look at below it. */
function seen(key: string, value: unknown, found: Found): unknown {
  if (value === null || typeof value !== 'object') return undefined
  if (changes.test(key) || key === 'into' || (key === 'locks' && (value as unknown[]).length > 0))
    found.changes = true
  if (named.test(key))
    for (const path of [value, ...(Array.isArray(value) ? (value as unknown[]) : [])]) add(path, found.tables)
  const { name, table_name: table, ...rest } = value as Tree
  // Every call of an outline is one of `f`.
  if (key === 'Function') {
    const called = pathOf(name)?.join('.') ?? ''
    if (called !== 'f') found.calls.push(called)
    return rest
  }
  if (key === 'CreateIndex') return [{ table }, rest]
  if (key === 'Drop' && (value as Tree)['object_type'] === 'Index') return { table: rest['table'] }
  if (key === 'Table' && typeof table === 'string') found.tables.push([table])
  return value
}

function add(name: unknown, tables: string[][]): void {
  const path = pathOf(name)
  if (path) tables.push(path)
}

/** The parts of an object's name; undefined for anything else. */
function pathOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const parts = value.map((part: Tree | null) => (part?.['Identifier'] as Tree | undefined)?.['value'])
  return parts.every((part) => typeof part === 'string') ? parts : undefined
}

// sqlparser-rs, a parser in Rust compiled to WebAssembly: which tables it sees in an outline.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { compileFunction } from 'node:vm'

/** What another parser sees in an outline. */
export type Sighting = { tables: string[][]; kind: 'query' | 'change' | 'other' }

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
  const made = compileFunction(compiled.glue)() as Exports
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
  const tables: string[][] = []
  const flags = { changes: false }
  collect(statements[0], tables, flags)
  const [tag] = Object.keys(statements[0] as object)
  const kind = flags.changes ? 'change' : tag === 'Query' ? 'query' : 'other'
  return { tables, kind }
}

type Tree = { [key: string]: unknown }

const changes = /^(Insert|Update|Delete|Merge|CreateTable|CreateView|Truncate|Drop)$/

/** Every name that stands where a table may, and whether anything is changed. Iterative: a chain may be long. */
function collect(root: unknown, tables: string[][], flags: { changes: boolean }): void {
  const waiting: unknown[] = [root]
  while (waiting.length > 0) {
    const node = waiting.pop()
    if (node === null || typeof node !== 'object') continue
    if (Array.isArray(node)) {
      waiting.push(...(node as unknown[]))
      continue
    }
    for (const [key, value] of Object.entries(node as Tree)) {
      if (changes.test(key)) flags.changes = true
      if (key === 'into' && value !== null && typeof value === 'object') flags.changes = true
      if (key === 'locks' && Array.isArray(value) && value.length > 0) flags.changes = true
      if (/^(Table|TableName|TableFunction|Function|UNNEST)$/.test(key)) addNamed(key, value, tables)
      if (key === 'tables' || key === 'table_name' || key === 'table') addPaths(value, tables)
      waiting.push(value)
    }
  }
}

function addNamed(key: string, value: unknown, tables: string[][]): void {
  const path = pathOf((value as Tree | null)?.['name'] ?? value)
  // Every call of an outline is one of `f`: another name is a call that was not seen as one.
  if (path && (key !== 'Function' || path.join('.') !== 'f')) tables.push(path)
}

function addPaths(value: unknown, tables: string[][]): void {
  for (const each of [value, ...(Array.isArray(value) ? (value as unknown[]) : [])]) {
    const path = pathOf(each)
    if (path) tables.push(path)
  }
}

/** The parts of an object's name; undefined for anything else. */
function pathOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const parts = value.map((part: Tree | null) => (part?.['Identifier'] as Tree | undefined)?.['value'])
  return parts.every((part) => typeof part === 'string') ? parts : undefined
}

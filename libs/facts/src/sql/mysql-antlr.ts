// dt-sql-parser, whose grammar of MySQL is antlr's: which tables it sees in an outline.
import { existsSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import type { Sighting } from './mysql-sqlparser.ts'

type Context = { ruleIndex?: number; children?: Context[] | null; getText(): string }
type Recognizer = { removeErrorListeners(): void }
type Parser = Recognizer & {
  errorHandler: unknown
  interpreter: {
    predictionMode: unknown
    decisionToDFA: { states: { size: number } }[]
    clearDFA(): void
  }
  program(): Context
}
type Loaded = {
  antlr: {
    CharStreams: { fromString(text: string): unknown }
    CommonTokenStream: new (lexer: unknown) => unknown
    BailErrorStrategy: new () => unknown
    PredictionMode: { SLL: unknown }
  }
  lexer: new (source: unknown) => Recognizer
  parser: (new (tokens: unknown) => Parser) & Record<string, number>
}

let loaded: Loaded | undefined

/** Loads the parser. Its modules import folders, which Node does not: what they mean is told to it meanwhile. */
export function prepareAntlr(): Loaded {
  loaded ??= load()
  return loaded
}

function load(): Loaded {
  const require = createRequire(import.meta.url)
  const entry = require.resolve('dt-sql-parser')
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (!specifier.startsWith('.') || !context.parentURL?.includes('/dt-sql-parser/'))
        return next(specifier, context)
      const found = [`${specifier}.js`, `${specifier}/index.js`, specifier]
        .map((each) => new URL(each, context.parentURL))
        .find((url) => url.pathname.endsWith('.js') && existsSync(url))
      return found ? { url: found.href, format: 'module', shortCircuit: true } : next(specifier, context)
    },
  })
  try {
    const part = (name: string) =>
      require(entry.replace(/index\.js$/, `lib/mysql/${name}.js`)) as Record<string, never>
    return {
      antlr: createRequire(entry)('antlr4ng') as Loaded['antlr'],
      lexer: part('MySqlLexer')['MySqlLexer'] as unknown as Loaded['lexer'],
      parser: part('MySqlParser')['MySqlParser'] as unknown as Loaded['parser'],
    }
  } finally {
    hooks.deregister()
  }
}

/** Beyond this many states, of some 25 kB each, what the parser remembers of earlier texts is dropped: it would grow without end. */
const maxRememberedStates = 5_000

/** The tables of an outline; undefined where this parser does not accept it as one statement. */
export function antlrSighting(outline: string): Sighting | undefined {
  const { antlr, lexer: Lexer, parser: Parser } = prepareAntlr()
  const lexer = new Lexer(antlr.CharStreams.fromString(outline))
  const parser = new Parser(new antlr.CommonTokenStream(lexer))
  lexer.removeErrorListeners()
  parser.removeErrorListeners()
  parser.errorHandler = new antlr.BailErrorStrategy()
  parser.interpreter.predictionMode = antlr.PredictionMode.SLL
  try {
    return sightingOf(parser.program(), Parser)
  } catch {
    return undefined
  } finally {
    forget(parser)
  }
}

let parsesUntilCounted = 0

function forget(parser: Parser): void {
  if (parsesUntilCounted-- > 0) return
  parsesUntilCounted = 100
  const states = parser.interpreter.decisionToDFA.reduce((sum, dfa) => sum + dfa.states.size, 0)
  if (states > maxRememberedStates) parser.interpreter.clearDFA()
}

function sightingOf(program: Context, rules: Record<string, number>): Sighting | undefined {
  const tables: string[][] = []
  const seen = new Set<number>()
  let statements = 0
  const waiting = [program]
  while (waiting.length > 0) {
    const node = waiting.pop() as Context
    if (node.ruleIndex === undefined) continue
    seen.add(node.ruleIndex)
    if (node.ruleIndex === rules['RULE_sqlStatement']) statements++
    if (tableRules.some((rule) => node.ruleIndex === rules[`RULE_${rule}`]))
      tables.push(pathOf(node.getText()))
    else waiting.push(...(node.children ?? []))
  }
  if (statements !== 1) return undefined
  const changes = changeRules.some((rule) => seen.has(rules[`RULE_${rule}`] as number))
  return {
    tables,
    calls: [],
    kind: changes ? 'change' : seen.has(rules['RULE_selectStatement'] as number) ? 'query' : 'other',
  }
}

const tableRules = ['tableName', 'viewName', 'tableNameCreate', 'viewNameCreate']
const changeRules = [
  'insertStatement',
  'replaceStatement',
  'updateStatement',
  'deleteStatement',
  'selectIntoExpression',
]

/** The parts of a name as it stands in an outline, where a name holds no dot and no quote. */
function pathOf(text: string): string[] {
  return text.split('.').map((part) => part.replaceAll('`', ''))
}

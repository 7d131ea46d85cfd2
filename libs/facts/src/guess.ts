import type { Access, JsonValue, Unknown, UrlFact } from '@mcpshield/policy/facts'
import { normalizePath } from './paths.ts'
import { postgresqlFacts } from './sql/postgresql.ts'
import { parseUrl } from './urls.ts'

/** Facts found in the arguments of a tool that nobody declared. */
export type Guess = {
  paths: (string | Unknown)[]
  urls: (UrlFact | Unknown)[]
  accesses: Access[] | Unknown
}

const pathWords = new Set(
  'path paths file files filepath filename filenames dir dirs directory directories folder folders source destination target cwd root'.split(
    ' ',
  ),
)
const urlWords = new Set('uri uris url urls href endpoint'.split(' '))
const sqlWords = new Set('sql query queries statement statements'.split(' '))

const maxValues = 10_000
const maxDepth = 64

/** Thrown when the arguments are too many or too deep to be walked. */
export class TooMuch extends Error {}

/** Walks arguments and takes their strings for what their names and shapes say. */
export function guessFacts(args: JsonValue, root?: string): Guess {
  const guess: Guess = { paths: [], urls: [], accesses: [] }
  let values = 0
  const walk = (value: JsonValue, name: string, depth: number): void => {
    if (++values > maxValues || depth > maxDepth)
      throw new TooMuch('the arguments are too many or nested too deeply')
    if (typeof value === 'string') return text(guess, value, kindOf(name), root)
    if (Array.isArray(value)) {
      for (const member of value) walk(member, name, depth + 1)
      return
    }
    wrongType(guess, value, name)
    if (value === null || typeof value !== 'object') return
    for (const key of Object.keys(value)) {
      // A map from paths or URLs to something: its keys are arguments too.
      if (hasShape(key)) text(guess, key, 'text', root)
      walk(value[key] as JsonValue, key, depth + 1)
    }
  }
  walk(args, '', 0)
  return guess
}

type Kind = 'path' | 'url' | 'sql' | 'surely sql' | 'text'

/** What the name of an argument says of it: its last word counts, `outputPath`, `base_url`. */
function kindOf(name: string): Kind {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean)
  const last = words.at(-1) ?? ''
  if (words.includes('sql')) return 'surely sql'
  if (sqlWords.has(last)) return 'sql'
  if (pathWords.has(last)) return 'path'
  return urlWords.has(last) ? 'url' : 'text'
}

function wrongType(guess: Guess, value: JsonValue, name: string): void {
  const kind = kindOf(name)
  const why = { unknown: `the argument ${name} is not a string` }
  if (kind === 'path') guess.paths.push(why)
  if (kind === 'url') guess.urls.push(why)
  if (kind === 'surely sql') guess.accesses = why
}

const scheme = /^[a-z][a-z0-9+.-]*:\/\//i
const pathShape = /^(?:\/|~|\.\.?\/|\.\.$|file:|[a-z]:[\\/]|\\\\)/i

function hasShape(text: string): boolean {
  const start = text.trimStart()
  return pathShape.test(start) || scheme.test(start)
}

function text(guess: Guess, value: string, kind: Kind, root: string | undefined): void {
  if ((kind === 'sql' || kind === 'surely sql') && statement(guess, value, kind === 'surely sql')) return
  // A reader may trim: what only looks like a path or URL then is unknown, not nothing.
  const start = value.trimStart()
  if (scheme.test(start) && !/^file:/i.test(start)) guess.urls.push(parseUrl(value, undefined, 'others'))
  else if (pathShape.test(start)) guess.paths.push(normalizePath(value, root))
  else if (kind === 'path') guess.paths.push(normalizePath(value, root))
  else if (kind === 'url') guess.urls.push(parseUrl(value, undefined, 'others'))
}

// Texts that another dialect reads otherwise than PostgreSQL: escapes, quotes and comments of its own.
const ambiguous = /[\\#$`]|\/\*[!M+]|\/\*(?:(?!\*\/)[\s\S])*\/\*|--(?![ \t\n]|$)|\r(?!\n)|\bu&["']/i

const sqlStart = new RegExp(
  `^(?:\\s|;|\\(|--[^\\n]*(?:\\n|$)|#[^\\n]*(?:\\n|$)|/\\*[\\s\\S]*?\\*/|/\\*!\\d*)*(?:${(
    'abort alter analyze analyse attach audit backup begin binlog bulk cache call change check checkpoint checksum clone ' +
    'close cluster comment commit copy create dbcc deallocate declare delete deny desc describe detach discard do ' +
    'drop end exec execute exists explain export fetch flush from get go grant handler help if import insert install ' +
    'kill let list listen load lock merge move msck notify open optimize pivot pragma prepare print purge put ' +
    'raiserror reassign refresh reindex release remove rename repair replace reset restore resume return revoke ' +
    'rollback savepoint security select set show shutdown signal start stop summarize suspend table truncate uncache ' +
    'undrop uninstall unlisten unload unlock unpivot update upsert use vacuum values waitfor while with xa'
  ).replaceAll(' ', '|')})\\b`,
  'i',
)

/** Takes a string for a statement where it is one; true when it is, or may be, SQL. */
function statement(guess: Guess, value: string, surely: boolean): boolean {
  const facts = postgresqlFacts(value)
  const parsed = !('unknown' in facts)
  if (!parsed && !surely && !sqlStart.test(value)) return false
  if (!parsed) guess.accesses = { unknown: `the SQL is of a dialect that is not known: ${facts.unknown}` }
  else if (ambiguous.test(value))
    guess.accesses = { unknown: 'other dialects of SQL read this text otherwise' }
  else if (Array.isArray(guess.accesses)) {
    const connection = { unknown: 'the tool does not say which database it uses' }
    guess.accesses.push(...facts.accesses.map((access) => ({ ...access, connection })))
  }
  return true
}

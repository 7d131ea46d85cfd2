// Pragmas that stand in the place of a table: what they tell of is in their argument, of which the authorizer says
// nothing.
import { constants as c } from 'node:sqlite'
import { isAskingTable } from './sqlite-names.ts'
import { tokensOf, type Token } from './sqlite-text.ts'
import type { Event, Program, Relation } from './sqlite-events.ts'
import { qualifiedName, type Ledger } from './statement.ts'

/** Enters the tables that `pragma_table_info('t')` and its like are asked about. */
export function readPragmaTables(ledger: Ledger, events: Event[], program: Program, text: string): void {
  const asked = events.filter(({ action, first }) => action === c.SQLITE_READ && isAskingTable(first ?? ''))
  if (asked.length === 0) return
  // A query inside a view may ask by a name of its own: every view of the statement counts.
  const sources = new Set(events.map(({ source }) => source?.toLowerCase() ?? ''))
  const texts = [text, ...[...sources].flatMap((source) => program.texts.get(source) ?? [])].map(tokensOf)
  for (const pragma of new Set(asked.map(({ first }) => (first as string).toLowerCase()))) {
    const naming = texts.filter((tokens) => tokens.some(({ name }) => name === pragma))
    const found = naming.map((tokens) => argumentsOf(pragma, tokens))
    for (const each of found.flatMap((list) => list ?? [])) enter(ledger, program, pragma, each)
    if (naming.length > 0 && !found.includes(undefined)) continue
    // Of every table alike, these tell no more than the schema table does.
    if (TELLS_STRUCTURE.test(pragma)) ledger.entry('read', 'sqlite_master')
    else ledger.entry('read', { unknown: `which table ${pragma} tells of cannot be told` })
  }
}

const TELLS_STRUCTURE = /^pragma_(?:table_x?info|index_list|index_x?info|foreign_key_list)$/

type Argument = { value: string; place: string }

/** The arguments of a pragma wherever it is called; undefined where one is no literal. */
function argumentsOf(pragma: string, tokens: Token[]): Argument[] | undefined {
  const found: Argument[] = []
  const literals = new Set<number>()
  for (let at = 0; at < tokens.length; at++) {
    if (tokens[at]?.name !== pragma || !isSign(tokens[at + 1], '(')) continue
    const listed = tokens.slice(at + 2, at + 6)
    const end = listed.findIndex((token) => isSign(token, ')'))
    const [value, comma, place] = listed.slice(0, end)
    if (end < 0 || end === 2) return undefined
    if (value === undefined) continue
    if (!isLiteral(value) || (end === 3 && (!isSign(comma, ',') || !isLiteral(place)))) return undefined
    found.push({ value: literal(value), place: place === undefined ? 'main' : literal(place) })
    literals.add(at + 2).add(at + 4)
  }
  // The arguments are also columns, by which the table can be asked.
  const columns = pragma === 'pragma_table_list' ? ['arg'] : ['arg', 'schema']
  const hidden = tokens.some(({ name }, at) => columns.includes(name) && !literals.has(at))
  return hidden ? undefined : found
}

function isSign(token: Token | undefined, sign: string): boolean {
  return token?.written === sign && token.quote === ''
}

function isLiteral(token: Token | undefined): token is Token {
  return token !== undefined && (token.quote === "'" || (token.quote === '' && /^\d+$/.test(token.written)))
}

function literal({ written, quote }: Token): string {
  return quote === '' ? written : written.replaceAll("''", "'")
}

function enter(ledger: Ledger, program: Program, pragma: string, { value, place }: Argument): void {
  // To a check a number is how many errors it may tell.
  if (/^\d+$/.test(value) && /_(?:integrity|quick)_check$/.test(pragma)) return
  const table = program.indexes.get(`${place}.${value}`.toLowerCase()) ?? value
  const known: Pick<Relation, 'place' | 'name'> = program.tables.get(`${place}.${table}`.toLowerCase()) ?? {
    place,
    name: table,
  }
  ledger.entry(
    'read',
    qualifiedName(known.place.toLowerCase() === 'main' ? undefined : known.place, known.name),
  )
}

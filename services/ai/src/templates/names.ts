// What a sentence names: tables and schemas, columns, folders, hosts, numbers, hours. Plain patterns; what is not recognised is not
// guessed at.
import type { Knowledge } from '../knowledge.ts'

const IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*'
const QUALIFIED = new RegExp(`(?<![\\w./@-])(${IDENTIFIER})\\.(${IDENTIFIER}|\\*)(?![\\w./@-]|\\.\\w)`, 'g')
const LISTED = String.raw`((?:["'\x60]?[A-Za-z_][\w.]*["'\x60]?)(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+)["'\x60]?[A-Za-z_][\w.]*["'\x60]?)*)`
const TABLES = new RegExp(
  String.raw`\b(?:tables?|collections?|views?)\s+(?:called\s+|named\s+)?${LISTED}`,
  'gi',
)
const SCHEMAS = new RegExp(String.raw`\bschemas?\s+(?:called\s+|named\s+)?${LISTED}`, 'gi')
const SCHEMA_AFTER = /\b(?:the\s+)?([A-Za-z_]\w*)\s+schema\b/gi
const TABLE_AFTER = /\b(?:the\s+)([A-Za-z_]\w*)\s+(?:tables?|collection)\b/gi
const COLUMNS = new RegExp(String.raw`\b(?:columns?|fields?)\s+(?:called\s+|named\s+)?${LISTED}`, 'gi')
/** Words that stand where a name may. */
const NO_NAMES = new Set(
  'the a an all any every of in on to for from with that which and or is are be only other no not called named database data public_'.split(
    ' ',
  ),
)

const unquoted = (text: string) => text.replace(/["'`]/g, '')

function listed(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)]
    .flatMap(([, names = '']) => unquoted(names).split(/\s*,\s*(?:and\s+)?|\s+and\s+/))
    .map((each) => each.trim())
    .filter((each) => each !== '' && !NO_NAMES.has(each.toLowerCase()))
}

export type Named = { schemas: string[]; tables: string[] }

/** Tables and schemas, as they are written; those that the project is known to have also by their bare name. */
export function namedData(text: string, { resources }: Knowledge): Named {
  const qualified = [...text.matchAll(QUALIFIED)]
    .map(([, schema = '', table = '']) => ({ schema, table }))
    .filter(({ table }) => !/^(com|org|net|io|dev|example|internal|local|txt|csv|json|ya?ml)$/i.test(table))
  const tables = [
    ...qualified.filter(({ table }) => table !== '*').map(({ schema, table }) => `${schema}.${table}`),
  ]
  tables.push(
    ...listed(text, TABLES),
    ...listed(text, TABLE_AFTER).filter((each) => !/^(?:its|their|two|new)$/i.test(each)),
  )
  const words = new Set(text.toLowerCase().match(/[a-z_][a-z0-9_]*/g) ?? [])
  for (const { name } of resources) {
    const bare = (name.split('.').at(-1) ?? '').toLowerCase()
    if (bare.length > 2 && words.has(bare) && !tables.some((each) => isBare(each, bare))) tables.push(name)
  }
  const schemas = [
    ...qualified.filter(({ table }) => table === '*').map(({ schema }) => schema),
    ...listed(text, SCHEMAS),
    ...listed(text, SCHEMA_AFTER),
  ]
  return { schemas: unique(schemas), tables: unique(tables.map((each) => knownName(each, resources))) }
}

const isBare = (name: string, bare: string) => (name.split('.').at(-1) ?? '').toLowerCase() === bare

function knownName(name: string, resources: Knowledge['resources']): string {
  if (name.includes('.')) return name
  const found = resources.filter((each) => isBare(each.name, name.toLowerCase()))
  return found.length === 1 ? (found[0]?.name ?? name) : name
}

const PERSONAL: [RegExp, string, string[]][] = [
  [/\be-?mails?(?: address(?:es)?)?\b/i, 'email', ['*.email', '*.e_mail', '*.email_address']],
  [/\b(?:ssns?|social security numbers?)\b/i, 'ssn', ['*.ssn', '*.social_security_number']],
  [/\b(?:phones?|telephones?)(?: numbers?)?\b/i, 'phone', ['*.phone', '*.phone_number', '*.telephone']],
  [
    /\bcredit[- ]?cards?(?: numbers?)?\b|\bcard numbers?\b/i,
    'credit_card',
    ['*.card_number', '*.credit_card'],
  ],
  [/\bibans?\b/i, 'iban', ['*.iban']],
]

/** What is to be hidden: detectors, and columns by their usual names or as they are written. */
export function namedColumns(
  text: string,
  { resources }: Knowledge,
): { detectors: string[]; columns: string[] } {
  const personal = PERSONAL.filter(([pattern]) => pattern.test(text))
  const known = new Set(resources.flatMap(({ fields }) => fields.map((each) => each.toLowerCase())))
  const words = text.toLowerCase().match(/[a-z_][a-z0-9_]*/g) ?? []
  const named = [...listed(text, COLUMNS), ...words.filter((each) => each.length > 2 && known.has(each))]
    .map((each) => each.split('.').at(-1) ?? each)
    .filter((each) => !/^(?:id|name|columns?|fields?)$/i.test(each))
  return {
    detectors: personal.map(([, detector]) => detector),
    columns: unique([
      ...personal.flatMap(([, , columns]) => columns),
      ...named.map((each) => `*.${each.toLowerCase()}`),
    ]),
  }
}

/** Absolute folders. */
export function namedFolders(text: string): string[] {
  return unique(
    [...text.matchAll(/(?<![\w:/.])\/(?:[\w.@+-]+\/?)+/g)]
      .map(([path]) => path.replace(/[.,;:]+$/, ''))
      .filter((path) => !path.split('/').some((segment) => segment === '.' || segment === '..')),
  )
}

export function namedHosts(text: string): string[] {
  return unique(
    [
      ...text.matchAll(
        /(?<![\w@.-])(?:https?:\/\/)?((?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,})(?![\w-])/gi,
      ),
    ]
      .map(([, host = '']) => host.toLowerCase())
      .filter((host) => !/\.(txt|csv|json|ya?ml|ts|js|md|sql)$/.test(host)),
  )
}

/** `60 calls per minute`. */
export function namedRate(text: string): { calls: number; per: string } | undefined {
  const [, calls, , unit] =
    /\b(\d{1,6})\s*(calls?|requests?|queries|times|x)?\s*(?:per|an?|every|\/)\s*(second|minute|hour|day|s|min|m|h|d)\b/i.exec(
      text,
    ) ?? []
  if (calls === undefined || unit === undefined || Number(calls) < 1) return undefined
  const units: Record<string, string> = { s: '1s', m: '1m', h: '1h', d: '1d' }
  return { calls: Number(calls), per: units[unit[0]?.toLowerCase() ?? ''] ?? '1m' }
}

/** `100 rows`. */
export function namedRows(text: string): number | undefined {
  const [, rows] = /\b(\d{1,7})\s+rows?\b/i.exec(text) ?? []
  return rows === undefined || Number(rows) < 1 ? undefined : Number(rows)
}

/** Hours that are written as such, else those of an office. */
export function namedHours(text: string): string {
  const [, from, fromMinutes = '00', to, toMinutes = '00'] =
    /\b(\d{1,2})(?::(\d\d))?\s*(?:am)?\s*(?:-|to|until|and)\s*(\d{1,2})(?::(\d\d))?\s*(?:pm)?\b/i.exec(
      text.replace(
        /\b(\d{1,2})\s*pm\b/gi,
        (_, hour: string) => `${Number(hour) < 12 ? Number(hour) + 12 : hour}`,
      ),
    ) ?? []
  if (from === undefined || to === undefined || Number(from) > 23 || Number(to) > 24) return '09:00-18:00'
  return `${from.padStart(2, '0')}:${fromMinutes}-${to.padStart(2, '0')}:${toMinutes}`
}

export function namedZone(text: string): string | undefined {
  const [zone] = /\b(?:Africa|America|Asia|Atlantic|Australia|Europe|Pacific)\/[A-Za-z_]+\b/.exec(text) ?? []
  return zone
}

function unique(items: string[]): string[] {
  return [...new Set(items)]
}

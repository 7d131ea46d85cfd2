// How fast texts are redacted, beside a plain scan of the same text. `npm run bench -- redaction`.
import { randomBytes } from 'node:crypto'
import { table } from '@mcpshield/infra/dev/table.ts'
import { DEFAULT_DETECTORS } from '@mcpshield/redact/find'
import { redactText } from '@mcpshield/redact/redact-text'
import { redactValue } from '@mcpshield/redact/redact-value'

export type RedactionRow = {
  text: string
  megabytes: number
  megabytesPerSecond: number
  scanMegabytesPerSecond: number
}

const SIZE_UNITS = 4 * 1024 * 1024
const RUNS = 5
const REDACTIONS = DEFAULT_DETECTORS.map((detector) => ({ detector }))
const keyedHash = () => 'hash'

export function benchRedaction(): RedactionRow[] {
  return Object.entries(texts())
    .map(([name, text]) => rowOf(name, text, () => redactText(text, REDACTIONS, keyedHash)))
    .concat(rowsOfTable())
}

function rowOf(name: string, text: string, redact: () => unknown): RedactionRow {
  const megabytes = Buffer.byteLength(text) / 1e6
  return {
    text: name,
    megabytes,
    megabytesPerSecond: megabytes / lowestSeconds(redact),
    scanMegabytesPerSecond: megabytes / lowestSeconds(() => scan(text)),
  }
}

/** Rows of a result, as a connector gives them: many small texts. */
function rowsOfTable(): RedactionRow[] {
  const rows = Array.from({ length: 20_000 }, (_, id) => ({
    id,
    name: `Customer ${id}`,
    mail: `customer${id}@example.com`,
    note: ORDINARY.slice(0, 80),
  }))
  const fields = [{ detector: 'email' as const }, { fields: ['*.name'] }]
  const sources = { id: [['c', 'id']], name: [['c', 'name']], mail: [['c', 'mail']], note: [['c', 'note']] }
  return [
    rowOf('rows, e-mail and one field', JSON.stringify(rows), () =>
      redactValue(rows, fields, { keyedHash, sources }),
    ),
  ]
}

/** What any look at a text costs at the least: each of its units read once. */
function scan(text: string): number {
  let digits = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 48 && unit <= 57) digits++
  }
  return digits
}

function lowestSeconds(run: () => unknown): number {
  let lowest = Infinity
  for (let i = 0; i < RUNS; i++) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    lowest = Math.min(lowest, (user + system) / 1e6)
  }
  return lowest
}

const ORDINARY =
  'The order was sent on 2026-03-04 and arrived two days later; the customer wrote that all was well. ' +
  'Total: 1,234.50 EUR, invoice 2026-000417, see https://shop.example/orders/417 for the details. '

function texts(): Record<string, string> {
  const fill = (unit: string) => unit.repeat(Math.ceil(SIZE_UNITS / unit.length)).slice(0, SIZE_UNITS)
  return {
    prose: fill(ORDINARY),
    'JSON lines': fill(
      '{"id":417,"status":"sent","city":"Berlin","total":1234.5,"items":[1,2,3],"note":null}\n',
    ),
    base64: randomBytes(SIZE_UNITS).toString('base64').slice(0, SIZE_UNITS),
    'a secret in each line': fill(
      'user ada@example.com paid with 4532 0151 1283 0366, password=tr0ub4dor&3\n',
    ),
    'near-matches: eyJ.': fill('eyJ.'),
    'near-matches: password=': fill('password= '),
    'near-matches: 4111-1111-': fill('4111-1111-'),
    'near-matches: a@b.': fill('a@b.'),
    'near-matches: -----BEGIN': fill('-----BEGIN PRIVATE ' + 'KEY-----\n'),
    'near-matches: ://a:': fill('://a:'),
  }
}

/** The figures as a table. */
export function redactionTable(rows: RedactionRow[]): string {
  return table(
    ['text', 'MB', 'MB/s', 'plain scan MB/s', 'cost ÷ scan'],
    rows.map((row) => [
      row.text,
      row.megabytes.toFixed(1),
      row.megabytesPerSecond.toFixed(1),
      row.scanMegabytesPerSecond.toFixed(0),
      (row.scanMegabytesPerSecond / row.megabytesPerSecond).toFixed(1),
    ]),
  )
}

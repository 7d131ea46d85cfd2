// The record as CSV (RFC 4180). A cell that a spreadsheet would run as a formula is written as text.
import { stringify } from 'csv-stringify/sync'
import { AuditRecord } from '@mcpshield/contracts/ingest'

const COLUMNS = Object.keys(AuditRecord.shape)
const OPTIONS = { record_delimiter: 'windows', escape_formulas: true } as const

export function csvHeader(): string {
  return stringify([COLUMNS], OPTIONS)
}

export function csvLines(records: AuditRecord[]): string {
  return stringify(
    records.map((record) => COLUMNS.map((name) => cell(record[name as keyof AuditRecord]))),
    OPTIONS,
  )
}

/** Values that are not plain are written as JSON. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.toWellFormed()
}

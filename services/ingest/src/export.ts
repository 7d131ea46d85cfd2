// exportAudits: the whole record as a text, piece by piece; the gateway asks again until there is no more.
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import type { AuditRecord, ingest } from '@mcpshield/contracts/ingest'
import { signedIn } from '@mcpshield/contracts/rights'
import { readPage, type RecordsOf } from './audits.ts'
import { csvHeader, csvLines } from './csv.ts'
import { ocsfEvent } from '@mcpshield/contracts/ocsf'

/** In rows' bytes: as CSV or OCSF, within the JSON of an answer, it is up to twice as much, and the bus takes 8 MB. */
const PIECE = { rows: 2_000, bytes: 3 << 20 }

type Format = { head: string; body: (records: AuditRecord[]) => string }

const jsonLines = (values: object[]) => values.map((each) => `${JSON.stringify(each)}\n`).join('')

const FORMATS: Record<'csv' | 'jsonl' | 'ocsf', Format> = {
  csv: { head: csvHeader(), body: csvLines },
  jsonl: { head: '', body: jsonLines },
  ocsf: { head: '', body: (records) => jsonLines(records.map(ocsfEvent)) },
}

export function exportService(recordsOf: RecordsOf): Pick<Handlers<typeof ingest.rpc, Call>, 'exportAudits'> {
  return {
    async exportAudits({ format, cursor, ...filter }, { caller }) {
      const records = recordsOf(signedIn(caller).org_id)
      const page = await readPage(records, filter, cursor, PIECE)
      const { head, body } = FORMATS[format]
      return { chunk: (cursor === undefined ? head : '') + body(page.items), next_cursor: page.next_cursor }
    },
  }
}

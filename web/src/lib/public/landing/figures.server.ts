// The figures of the landing page are those of docs/performance.md, wherever they go.
import { sourceText } from '../docs/sources.server.ts'
import { tableCell } from '../table-cell.ts'

const performance = sourceText('docs/performance.md')

export type Figure = { value: string; what: string }

export const FIGURES: readonly Figure[] = [
  {
    value: tableCell(performance, '10,000', 'mcpshield'),
    what: 'to decide a call by a policy of 10,000 rules',
  },
  {
    value: tableCell(performance, 'a revoked key is refused at the gateway', 'p50'),
    what: 'until a revoked key is refused at the gateway, in the middle of 20 tries',
  },
  {
    value: tableCell(performance, '10,000,000', 'p50'),
    what: 'for the first page of audits among ten million records',
  },
  {
    value:
      tableCell(performance, '`npm start` from nothing to `ready`, demo included', 'figure').split(',')[0] ??
      '',
    what: 'from npm start in a fresh clone to the running product',
  },
]

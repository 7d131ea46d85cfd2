// Records of decisions as lines for people, and which of them are wanted.
import { printable } from './printable.ts'
import type { colorsFor } from './diagnostics-text.ts'

export type LogFilter = {
  decision?: string
  /** As the API has it: `*` stands for anything. */
  tool?: string
  rule?: string
  agent?: string
  search?: string
}

/** What of the API's records is shown or looked at. */
export type LogRecord = {
  id: string
  time: string
  kind: string
  tool: string
  arguments: unknown
  facts: unknown
  decision: string | null
  rule: string
  reason: string
  agent: string | null
  outcome: string | null
  duration_ms: number | null
  rows: number | null
  redactions: number | null
}

/** What the API would find, of a record that comes by itself. */
export function matches(record: LogRecord, { decision, tool, rule, agent, search }: LogFilter): boolean {
  return (
    (decision === undefined || record.decision === decision) &&
    (tool === undefined || isLike(record.tool, tool)) &&
    (rule === undefined || isLike(record.rule, rule)) &&
    (agent === undefined || record.agent === agent) &&
    (search === undefined || contains(record, search.toLowerCase()))
  )
}

function isLike(text: string, glob: string): boolean {
  const parts = glob.split(/\*+/)
  const [first = '', last = ''] = [parts[0], parts.at(-1)]
  if (parts.length === 1) return text === glob
  if (!text.startsWith(first)) return false
  let from = first.length
  for (const part of parts.slice(1, -1)) {
    const at = text.indexOf(part, from)
    if (at < 0) return false
    from = at + part.length
  }
  return text.length - last.length >= from && text.endsWith(last)
}

function contains(
  { tool, reason, rule, agent, arguments: given, facts }: LogRecord,
  wanted: string,
): boolean {
  const inJson = JSON.stringify(wanted).slice(1, -1)
  return (
    [tool, reason, rule, agent ?? ''].some((text) => text.toLowerCase().includes(wanted)) ||
    [given, facts].some((value) => value !== null && JSON.stringify(value).toLowerCase().includes(inJson))
  )
}

const WIDTHS = { word: 9, tool: 28, agent: 16, rule: 20 }

/** Columns of a fixed width, since nobody knows what comes next. `outcome`: the decision was shown before. */
export function lineOf(
  record: LogRecord,
  phase: 'record' | 'outcome',
  colors: ReturnType<typeof colorsFor>,
): string {
  const { time, tool, agent, rule, reason, decision, outcome } = record
  const word = printable(phase === 'outcome' ? (outcome ?? '-') : (decision ?? record.kind)).padEnd(
    WIDTHS.word,
  )
  const why = phase === 'outcome' || decision === 'allow' ? '' : reason
  const cells = [
    colors.dim(printable(time)),
    paint(word, colors),
    printable(tool).padEnd(WIDTHS.tool),
    printable(agent ?? '-').padEnd(WIDTHS.agent),
    printable(rule || '-').padEnd(WIDTHS.rule),
    printable([outcomeText(record, phase), why].filter((text) => text !== '').join(' · ')),
  ]
  return cells.join('  ').trimEnd()
}

function outcomeText({ outcome, duration_ms, rows, redactions }: LogRecord, phase: string): string {
  if (outcome === null) return ''
  return [
    ...(phase === 'outcome' ? [] : [outcome]),
    ...(duration_ms === null ? [] : [`${duration_ms.toFixed(1)} ms`]),
    ...(rows === null ? [] : [`${rows} rows`]),
    ...(redactions === null || redactions === 0 ? [] : [`${redactions} redacted`]),
  ].join(', ')
}

function paint(word: string, colors: ReturnType<typeof colorsFor>): string {
  const kind = word.trim()
  if (kind === 'allow' || kind === 'ok') return colors.green(word)
  if (kind === 'ask') return colors.yellow(word)
  return ['deny', 'error', 'cut', 'timeout', 'cancelled'].includes(kind) ? colors.red(word) : word
}

// Decisions of a project as they are made, from the web server's stream.
import type { AuditRecord } from '@mcpshield/contracts/ingest'

export type Link = 'connecting' | 'open' | 'closed'
export type Following = {
  onDecision: (call: AuditRecord) => void
  /** What came of a call: it has the id of the decision. */
  onOutcome?: (outcome: AuditRecord) => void
  onState: (state: Link) => void
}

const AGAIN_AFTER_MS = 5_000

/** Follows until the function that it returns is called. A stream that ends is opened anew. */
export function follow(projectId: string, { onDecision, onOutcome, onState }: Following): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const read = ({ data }: MessageEvent<string>) => JSON.parse(data) as AuditRecord
  const open = () => {
    onState('connecting')
    source = new EventSource(`/app/live?project_id=${encodeURIComponent(projectId)}`)
    source.addEventListener('open', () => onState('open'))
    source.addEventListener('decision', (event) => onDecision(read(event)))
    source.addEventListener('outcome', (event) => onOutcome?.(read(event)))
    source.addEventListener('error', () => {
      // A browser tries again by itself, but for an answer that was no stream.
      const over = source?.readyState === EventSource.CLOSED
      onState(over ? 'closed' : 'connecting')
      if (over) timer = setTimeout(open, AGAIN_AFTER_MS)
    })
  }
  open()
  return () => {
    clearTimeout(timer)
    source?.close()
  }
}

/** Newest first, each call once, no more than `most`. */
export function withCall<Call extends { id: string }>(
  calls: readonly Call[],
  call: Call,
  most: number,
): Call[] {
  return [call, ...calls.filter(({ id }) => id !== call.id)].slice(0, most)
}

/** A call that is not shown stays so: its outcome tells too little of it. */
export function withOutcome<Call extends Pick<AuditRecord, 'id' | 'outcome' | 'duration_ms'>>(
  calls: readonly Call[],
  { id, outcome, duration_ms }: Pick<AuditRecord, 'id' | 'outcome' | 'duration_ms'>,
): Call[] {
  return calls.map((call) => (call.id === id ? { ...call, outcome, duration_ms } : call))
}

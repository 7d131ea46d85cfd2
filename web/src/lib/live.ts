// The record as it is written, from the web server's stream of events.
import type { AuditRecord } from '@mcpshield/contracts/ingest'

export type Link = 'connecting' | 'open' | 'closed'
export type Following = {
  onDecision: (call: AuditRecord) => void
  /** What came of a call: it has the id of the decision. */
  onOutcome?: (outcome: AuditRecord) => void
  onState: (state: Link) => void
}

const AGAIN_AFTER_MS = 5_000

/** Follows a project, or the organisation, until the function that it returns is called. A stream that ends is opened anew. */
export function follow(
  projectId: string | undefined,
  { onDecision, onOutcome, onState }: Following,
): () => void {
  const only = projectId === undefined ? '' : `?project_id=${encodeURIComponent(projectId)}`
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const read = ({ data }: MessageEvent<string>) => JSON.parse(data) as AuditRecord
  const open = () => {
    clearTimeout(timer)
    source?.close()
    onState('connecting')
    source = new EventSource(`/app/live${only}`)
    source.addEventListener('open', () => onState('open'))
    source.addEventListener('decision', (event) => onDecision(read(event)))
    source.addEventListener('outcome', (event) => onOutcome?.(read(event)))
    source.addEventListener('error', () => {
      // A browser tries again by itself, but for an answer that was no stream.
      const isOver = source?.readyState === EventSource.CLOSED
      onState(isOver ? 'closed' : 'connecting')
      if (isOver) timer = setTimeout(open, AGAIN_AFTER_MS)
    })
  }
  // A stream may not notice that the line is gone until much later.
  const lost = () => onState('connecting')
  open()
  addEventListener('offline', lost)
  addEventListener('online', open)
  return () => {
    clearTimeout(timer)
    source?.close()
    removeEventListener('offline', lost)
    removeEventListener('online', open)
  }
}

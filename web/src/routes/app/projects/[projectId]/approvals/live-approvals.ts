// When approvals may have changed: something was asked, decided or run in the project, or a while has passed.
import type { AuditRecord } from '@mcpshield/contracts/ingest'

const GATHER_MS = 400
/** Where the stream is not to be had (too many tabs) this alone keeps the page true. */
const ANYWAY_AFTER_MS = 5_000

/** Calls `onChange` until the returned function is called. */
export function whenApprovalsChange(projectId: string, onChange: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = undefined
      if (document.visibilityState === 'visible') onChange()
    }, GATHER_MS)
  }
  const source = new EventSource(`/app/live?project_id=${encodeURIComponent(projectId)}`)
  const look = ({ data }: MessageEvent<string>) => {
    const { kind, decision } = JSON.parse(data) as AuditRecord
    if (kind === 'admin' || decision === 'ask') soon()
  }
  // What happened before the stream was open.
  source.addEventListener('open', soon)
  source.addEventListener('decision', look)
  source.addEventListener('outcome', look)
  const anyway = setInterval(soon, ANYWAY_AFTER_MS)
  document.addEventListener('visibilitychange', soon)
  return () => {
    clearTimeout(timer)
    clearInterval(anyway)
    document.removeEventListener('visibilitychange', soon)
    source.close()
  }
}

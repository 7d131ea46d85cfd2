// When approvals may have changed: something was asked, decided or run in the project, or a while has passed.
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { follow, type Link } from '#lib/live.ts'

const GATHER_MS = 400
/** Where the stream is not to be had (too many tabs) this alone keeps the page true. */
const ANYWAY_AFTER_MS = 5_000

/** Calls `onChange` until the returned function is called. */
export function whenApprovalsChange(
  projectId: string,
  onChange: () => void,
  onState: (state: Link) => void = () => undefined,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = undefined
      if (document.visibilityState === 'visible') onChange()
    }, GATHER_MS)
  }
  const look = ({ kind, decision }: AuditRecord) => {
    if (kind === 'admin' || decision === 'ask') soon()
  }
  const stop = follow(projectId, {
    onDecision: look,
    onOutcome: look,
    onState: (state) => {
      onState(state)
      // What happened before the stream was open.
      if (state === 'open') soon()
    },
  })
  const anyway = setInterval(soon, ANYWAY_AFTER_MS)
  document.addEventListener('visibilitychange', soon)
  return () => {
    clearTimeout(timer)
    clearInterval(anyway)
    document.removeEventListener('visibilitychange', soon)
    stop()
  }
}

// What to do with a delivered job, from what is known of its mail: pure. Here it is decided that nothing is sent twice.
import type { MailRecord } from './store.ts'

export type Step =
  | 'send'
  /** Sent or skipped; or another message of the same mail carries it. */
  | 'done'
  /** Somebody is sending it now. */
  | 'wait'
  /** Whoever was sending it is gone; it may have arrived. */
  | 'interrupted'
  /** Dead, but not among the dead letters yet. */
  | 'bury'

export function nextStep(
  known: MailRecord | undefined,
  message: { sequence: number; replayed: boolean },
  nowMs: number,
  sendingAtMostMs: number,
): Step {
  if (known === undefined || known.state === 'waiting') return 'send'
  if (known.state === 'sent' || known.state === 'skipped') return 'done'
  if (known.state === 'dead' && message.replayed && known.sequence !== message.sequence) return 'send'
  if (known.sequence !== message.sequence) return 'done'
  if (known.state === 'dead') return 'bury'
  return nowMs - known.changedMs > sendingAtMostMs ? 'interrupted' : 'wait'
}

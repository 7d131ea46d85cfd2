// How credentials and forwarders stand, in words.
import type { SiemCredential, SiemForwarder } from '@mcpshield/contracts/siem'

type Tone = 'allow' | 'deny' | 'ask' | 'neutral'

export const CREDENTIAL_STATES: Record<SiemCredential['state'], { tone: Tone; word: string }> = {
  active: { tone: 'allow', word: 'Active' },
  resting: { tone: 'ask', word: 'Resting: not in the plan' },
  expired: { tone: 'neutral', word: 'Expired' },
  revoking: { tone: 'ask', word: 'Being revoked' },
  revoked: { tone: 'neutral', word: 'Revoked' },
}

export const FORWARDER_STATES: Record<SiemForwarder['state'], { tone: Tone; word: string }> = {
  running: { tone: 'allow', word: 'Running' },
  failing: { tone: 'deny', word: 'Failing' },
  paused: { tone: 'ask', word: 'Paused' },
  resting: { tone: 'ask', word: 'Resting: not in the plan' },
}

/** How many messages are waiting, where that is known. */
export function waiting(pending: number | null): string {
  if (pending === null) return ''
  const count = new Intl.NumberFormat('en-GB').format(pending)
  return pending === 0 ? ', nothing waits' : `, ${count} ${pending === 1 ? 'message waits' : 'messages wait'}`
}

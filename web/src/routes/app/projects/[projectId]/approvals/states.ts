// What a held call has come to, in words.
import type { Approval } from '@mcpshield/contracts/projects'

type State = Approval['state']
type Tone = 'allow' | 'deny' | 'ask' | 'info' | 'neutral'

export const STATES: Record<State, { word: string; tone: Tone; sentence: string }> = {
  pending: { word: 'waiting', tone: 'ask', sentence: 'It waits for a person’s word.' },
  approved: {
    word: 'approved',
    tone: 'allow',
    sentence: 'It was approved and may run once. Whoever asked has not come back for it yet.',
  },
  refused: { word: 'refused', tone: 'deny', sentence: 'It was refused and did not run.' },
  expired: { word: 'expired', tone: 'neutral', sentence: 'It was over before it could run.' },
  used: { word: 'ran', tone: 'info', sentence: 'It was approved and ran, once.' },
}

export const FILTERS = [
  { value: '', label: 'Waiting and history' },
  { value: 'pending', label: 'Waiting' },
  { value: 'approved', label: 'Approved' },
  { value: 'used', label: 'Ran' },
  { value: 'refused', label: 'Refused' },
  { value: 'expired', label: 'Expired' },
] as const

export function stateIn(text: string | null): State | undefined {
  return (Object.keys(STATES) as State[]).find((state) => state === text)
}

/** What is left of a held call's time: `4 min 05 s`. */
export function timeLeft(expiresAt: string, nowMs: number): string {
  const seconds = Math.ceil((Date.parse(expiresAt) - nowMs) / 1_000)
  if (seconds <= 0) return 'over'
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  if (hours >= 48) return `${Math.floor(hours / 24)} days`
  if (hours > 0) return `${hours} h ${minutes} min`
  if (minutes > 0) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`
  return `${seconds} s`
}

/** The first to end, first. */
export function byExpiry(a: { expires_at: string }, b: { expires_at: string }): number {
  return a.expires_at < b.expires_at ? -1 : 1
}

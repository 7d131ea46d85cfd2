// A simulation's answer, as it is read: what changes first, by how serious it is.
import type { Simulation } from '@mcpshield/contracts/ingest'

type Decision = 'allow' | 'deny' | 'ask'
export type Group = {
  from: Decision
  to: Decision
  calls: number
  /** What it means for the people at the other end. */
  meaning: string
  examples: Simulation['examples']
}

const MEANINGS: Record<string, string> = {
  'deny allow': 'Was denied and would go through: look at these first.',
  'ask allow': 'Waited for a person and would go through at once.',
  'deny ask': 'Was denied and would wait for a person.',
  'allow deny': 'Went through and would be denied.',
  'allow ask': 'Went through and would wait for a person.',
  'ask deny': 'Waited for a person and would be denied.',
}
const ORDER = Object.keys(MEANINGS)

/** Changes that open something come first. */
export function groupsOf({ changed, examples }: Simulation): Group[] {
  const place = ({ from, to }: { from: string; to: string }) => {
    const i = ORDER.indexOf(`${from} ${to}`)
    return i === -1 ? ORDER.length : i
  }
  return changed.transitions
    .map(({ from, to, calls }) => ({
      from,
      to,
      calls,
      meaning: MEANINGS[`${from} ${to}`] ?? 'Decided the same, by another rule.',
      examples: examples.filter(({ before, after }) => before.decision === from && after.decision === to),
    }))
    .sort((a, b) => place(a) - place(b))
}

export const OUTSIDE_WORDS: Record<string, string> = {
  killed: 'a kill switch was on',
  revoked: 'the API key was revoked',
  quarantined: 'the tool was quarantined',
  malformed: 'the request was malformed',
  key_upstreams: 'the key may not reach that server',
  no_policy: 'there was no policy',
  policy_unavailable: 'the policy could not be read',
  evaluation_error: 'the policy could not be evaluated',
  rate_limited: 'a rate limit was reached',
  limit_unavailable: 'the limits could not be counted',
}

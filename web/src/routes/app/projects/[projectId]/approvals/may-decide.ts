// Why the person may not decide a held call, said before they try: the API decides it.
import type { Role } from '@mcpshield/contracts/caller'
import type { Approval } from '@mcpshield/contracts/projects'
import { missingRight } from '#lib/rights.ts'

export function whyNotDecide(
  approval: Pick<Approval, 'user'>,
  person: { email: string; role: Role },
): string | undefined {
  const missing = missingRight(person.role, 'change')
  if (missing !== undefined) return missing
  return approval.user?.toLowerCase() === person.email.toLowerCase()
    ? 'You asked for this call yourself: somebody else has to decide it.'
    : undefined
}

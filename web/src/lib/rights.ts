// What the person's role lets them do, said before they try: the API decides it.
import type { Role } from '@mcpshield/contracts/caller'
import { hasRight, rolesWith, type Right } from '@mcpshield/contracts/rights'

/** Why a control is disabled, or `undefined` when the role may use it. */
export function missingRight(role: Role, right: Right): string | undefined {
  return hasRight(role, right)
    ? undefined
    : `Your role here is ${role}; this needs one of: ${rolesWith(right).join(', ')}.`
}

// Who may do what in an organisation. Another organisation's thing is NOT_FOUND, before any of this.
import type { Call } from '@mcpshield/bus/rpc'
import type { Role } from '@mcpshield/contracts/caller'
import { AppError } from '@mcpshield/contracts/errors'

export type Person = { userId: string; orgId: string; role: Role; requestId: string }

/** `read`: see. `change`: projects and policies. `administer`: keys, upstreams, connections, deletion. */
export type Right = 'read' | 'change' | 'administer'

const rights: Record<Role, readonly Right[]> = {
  viewer: ['read'],
  editor: ['read', 'change'],
  admin: ['read', 'change', 'administer'],
  owner: ['read', 'change', 'administer'],
}

/** The signed-in person who asks. */
export function personOf({ caller, requestId }: Call): Person {
  if (caller.kind !== 'user') throw new AppError('UNAUTHENTICATED', 'Sign in first.')
  return { userId: caller.user_id, orgId: caller.org_id, role: caller.role, requestId }
}

/** Throws PERMISSION_DENIED unless the person's role has the right. */
export function requireRight(person: Person, right: Right): void {
  if (rights[person.role].includes(right)) return
  const needed = (Object.keys(rights) as Role[]).filter((role) => rights[role].includes(right))
  throw new AppError(
    'PERMISSION_DENIED',
    `Your role here is ${person.role}; this needs one of: ${needed.join(', ')}.`,
  )
}

// Who may do what in an organisation: the one table of roles and rights, and the questions asked of it.
import type { Caller, Role } from './caller.ts'
import { AppError } from './errors.ts'

/** `read`: see. `change`: projects and policies. `administer`: keys, systems, members, plan, deletion. */
export type Right = 'read' | 'change' | 'administer'

const RIGHTS: Record<Role, readonly Right[]> = {
  viewer: ['read'],
  editor: ['read', 'change'],
  admin: ['read', 'change', 'administer'],
  owner: ['read', 'change', 'administer'],
}

export function hasRight(role: Role, right: Right): boolean {
  return RIGHTS[role].includes(right)
}

export function rolesWith(right: Right): Role[] {
  return (Object.keys(RIGHTS) as Role[]).filter((role) => hasRight(role, right))
}

/** Throws PERMISSION_DENIED for a person whose role does not have the right. Others have no role to ask for. */
export function requireRight(caller: Caller, right: Right): void {
  if (caller.kind !== 'user' || hasRight(caller.role, right)) return
  throw new AppError(
    'PERMISSION_DENIED',
    `Your role here is ${caller.role}; this needs one of: ${rolesWith(right).join(', ')}.`,
  )
}

export type SignedIn = Extract<Caller, { kind: 'user' }>

/** The signed-in person who asks; throws UNAUTHENTICATED when it is nobody of that kind. */
export function signedIn(caller: Caller): SignedIn {
  if (caller.kind === 'user') return caller
  throw new AppError('UNAUTHENTICATED', 'Sign in first.')
}

import type { Role } from '@mcpshield/contracts/caller'

export const ROLES: readonly { value: Role; label: string; can: string }[] = [
  { value: 'viewer', label: 'Viewer', can: 'sees everything but secrets, and changes nothing' },
  { value: 'editor', label: 'Editor', can: 'changes projects and policies, and decides approvals' },
  {
    value: 'admin',
    label: 'Admin',
    can: 'also keys, servers, members, the plan and the organisation’s policy',
  },
  { value: 'owner', label: 'Owner', can: 'also makes, changes and removes owners' },
]

/** Only owners make owners. */
export function rolesThat(role: Role) {
  return ROLES.filter(({ value }) => value !== 'owner' || role === 'owner')
}

/** Why somebody with a role may not change a member of another one, beyond the right to administer. */
export function ownersOnly(role: Role, ofMember: Role): string | undefined {
  return ofMember === 'owner' && role !== 'owner'
    ? `Your role here is ${role}; only owners change and remove owners.`
    : undefined
}

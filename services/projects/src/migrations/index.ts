import { FirstTables } from './0001-organizations-and-projects.ts'
import { OrganizationPolicies } from './0002-organization-policies.ts'
import { RowsOfOrganizations } from './0003-rows-of-organizations.ts'
import { PeopleAndInvitations } from './0004-people-and-invitations.ts'
import { InvitationMails } from './0005-invitation-mails.ts'
import { KillSwitchesPinsAndApprovals } from './0006-kill-switches-pins-and-approvals.ts'

/** In order; each runs once. */
export const migrations = [
  { name: '0001-organizations-and-projects', class: FirstTables },
  { name: '0002-organization-policies', class: OrganizationPolicies },
  { name: '0003-rows-of-organizations', class: RowsOfOrganizations },
  { name: '0004-people-and-invitations', class: PeopleAndInvitations },
  { name: '0005-invitation-mails', class: InvitationMails },
  { name: '0006-kill-switches-pins-and-approvals', class: KillSwitchesPinsAndApprovals },
]

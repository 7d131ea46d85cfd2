import { FirstTables } from './0001-organizations-and-projects.ts'
import { OrganizationPolicies } from './0002-organization-policies.ts'

/** In order; each runs once. */
export const migrations = [
  { name: '0001-organizations-and-projects', class: FirstTables },
  { name: '0002-organization-policies', class: OrganizationPolicies },
]

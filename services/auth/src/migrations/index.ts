import { FirstTables } from './0001-users-keys-and-tokens.ts'
import { Accounts } from './0002-accounts.ts'

/** In order; each runs once. */
export const migrations = [
  { name: '0001-users-keys-and-tokens', class: FirstTables },
  { name: '0002-accounts', class: Accounts },
]

import { FirstTables } from './0001-users-keys-and-tokens.ts'

/** In order; each runs once. */
export const migrations = [{ name: '0001-users-keys-and-tokens', class: FirstTables }]

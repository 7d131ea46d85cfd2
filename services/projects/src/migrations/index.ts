import { FirstTables } from './0001-organizations-and-projects.ts'

/** In order; each runs once. */
export const migrations = [{ name: '0001-organizations-and-projects', class: FirstTables }]

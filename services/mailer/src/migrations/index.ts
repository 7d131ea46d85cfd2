import { Mails } from './0001-mails.ts'

/** In order; each runs once. */
export const migrations = [{ name: '0001-mails', class: Mails }]

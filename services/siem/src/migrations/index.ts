import { Feeds } from './0001-feeds.ts'

/** In order; each runs once. */
export const migrations = [{ name: '0001-feeds', class: Feeds }]

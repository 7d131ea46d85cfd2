// Names: canonical inside (`github/create_issue`, `postgres.query`), safe for every client on the wire
// (`github__create_issue`, `postgres__query`).
import { createHash } from 'node:crypto'

const WIRE = /^[A-Za-z0-9_-]{1,64}$/
const SLUG = /^[a-z0-9-]{1,24}$/

/** Connectors' names: no upstream may be called so. */
export const CONNECTOR_NAMES = [
  'postgres',
  'mysql',
  'sqlite',
  'mongodb',
  'redis',
  'filesystem',
  'network',
] as const

/** The name a client sees. One that is too long or has other characters gets a stable hash at its end. */
export function wireName(canonical: string): string {
  const plain = canonical.replace(/[./]/, '__')
  if (WIRE.test(plain) && canonicalOf(plain) === canonical) return plain
  const hash = createHash('sha256').update(canonical).digest('hex').slice(0, 8)
  return `${plain.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 55)}_${hash}`
}

/** The canonical name of a plain wire name; a name of no known form stands for itself. */
export function canonicalOf(wire: string): string {
  const [, prefix, rest] = /^([a-z0-9-]+)__(.+)$/s.exec(wire) ?? []
  if (prefix === undefined || rest === undefined) return wire
  if ((CONNECTOR_NAMES as readonly string[]).includes(prefix)) return `${prefix}.${rest}`
  return SLUG.test(prefix) ? `${prefix}/${rest}` : wire
}

// Which kinds of facts the tools of a rule touch, where that is certain: our own connectors, and tools that the
// policy itself declares.
import type { FactDeclaration } from './facts.ts'
import { isGlob } from './globs.ts'
import type { Kind } from './matching.ts'
import type { Policy } from './schema.ts'

export type Kinds = ReadonlySet<Kind>
/** What is said of a tool under `facts:`, by its name or pattern. */
export type Declarations = NonNullable<Policy['facts']>

const DATABASES = /^(postgres|mysql|sqlite|mongodb|redis)\./
const CONNECTORS: [RegExp, Kind][] = [
  [DATABASES, 'accesses'],
  [/^filesystem\./, 'paths'],
  [/^network\./, 'urls'],
]

/** Whether every tool that the pattern matches is a database connector of ours: those answer with rows. */
export function isDatabaseTool(glob: string): boolean {
  return DATABASES.test(glob)
}

export function isConnectorTool(glob: string): boolean {
  return CONNECTORS.some(([pattern]) => pattern.test(glob))
}

/** The kinds that calls of these tools touch, or undefined when that cannot be told. */
export function kindsOfTool(glob: string, declared: Declarations): Kinds | undefined {
  const connector = CONNECTORS.find(([pattern]) => pattern.test(glob))
  if (connector !== undefined) return new Set([connector[1]])
  if (isGlob(glob) || !Object.hasOwn(declared, glob)) return undefined
  // Declarations of several patterns add up.
  if (Object.keys(declared).some(isGlob)) return undefined
  return new Set(kindsOf(declared[glob]))
}

function kindsOf(declaration: FactDeclaration = {}): Kind[] {
  const kinds: Kind[] = []
  if ((declaration.paths ?? []).length > 0) kinds.push('paths')
  if ((declaration.urls ?? []).length > 0) kinds.push('urls')
  if (declaration.sql !== undefined) kinds.push('accesses')
  return kinds
}

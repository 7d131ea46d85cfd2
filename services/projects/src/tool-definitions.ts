// A tool's definition as one text: what is compared, hashed, kept and shown of it.
import { createHash } from 'node:crypto'
import { withVisibleCharacters } from '@mcpshield/mcp/invisible-characters'
import canonicalize from 'canonicalize'

/** `hash` is the SHA-256 (hex) of `canonical`, which is RFC 8785's form of the definition. */
export type Definition = { name: string; canonical: string; hash: string }

const MAX_NAME_UNITS = 200
const MAX_DEFINITION_BYTES = 64 * 1024
/** As a person sees it: what is too long to be read before it is accepted cannot be accepted. */
const MAX_SHOWN_UNITS = 256 * 1024
const MAX_DEPTH = 40

/**
 * The definition, or undefined for one that is not taken, and so stays without a pin: too large, too deep to be shown,
 * or with what cannot be stored or hashed.
 */
export function readDefinition({
  name,
  definition,
}: {
  name: string
  definition: unknown
}): Definition | undefined {
  if (name.length === 0 || name.length > MAX_NAME_UNITS || name.includes('\0') || !name.isWellFormed())
    return undefined
  if (depthOf(definition) > MAX_DEPTH) return undefined
  const canonical = canonicalText(definition)
  if (canonical === undefined || Buffer.byteLength(canonical) > MAX_DEFINITION_BYTES) return undefined
  if (shownDefinition(canonical).length > MAX_SHOWN_UNITS) return undefined
  return { name, canonical, hash: createHash('sha256').update(canonical).digest('hex') }
}

function canonicalText(definition: unknown): string | undefined {
  try {
    return canonicalize(definition)
  } catch {
    // Half a surrogate pair has no canonical form.
    return undefined
  }
}

/** How deep arrays and objects lie in each other; counted up to one more than may be. */
function depthOf(value: unknown): number {
  let depth = 0
  let level: unknown[] = [value]
  while (depth <= MAX_DEPTH) {
    level = level.filter((each) => typeof each === 'object' && each !== null)
    if (level.length === 0) break
    depth += 1
    level = level.flatMap((each) => Object.values(each as object) as unknown[])
  }
  return depth
}

/** Sorted and indented, with a final line break, and nothing in it that a person cannot see. */
export function shownDefinition(canonical: string): string {
  return `${withVisibleCharacters(JSON.stringify(JSON.parse(canonical), null, 2))}\n`
}

// What a tool's definition is pinned by.
import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { JsonValue } from '@mcpshield/policy/facts'

/** SHA-256 (hex) of the definition's canonical JSON (RFC 8785). */
export function definitionHash(definition: JsonValue): string {
  return createHash('sha256')
    .update(canonicalize(definition) ?? '')
    .digest('hex')
}

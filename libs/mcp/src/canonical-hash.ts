// What tells one JSON value from another, whatever the order of its members: of a tool's definition, of an approved call.
import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { JsonValue } from '@mcpshield/policy/facts'

/** SHA-256 (hex) of the value's canonical JSON (RFC 8785). Throws for numbers that have none. */
export function canonicalHash(value: JsonValue): string {
  return createHash('sha256')
    .update(canonicalize(value) ?? '')
    .digest('hex')
}

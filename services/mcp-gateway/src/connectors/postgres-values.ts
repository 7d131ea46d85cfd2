import type { JsonValue } from '@mcpshield/policy/facts'

const [BOOL, INT8, INT2, INT4, OID, JSON_OID, FLOAT4, FLOAT8, JSONB] = [
  16, 20, 21, 23, 26, 114, 700, 701, 3802,
]

/** Types that survive JSON: what does not fit a JSON number stays text, exactly as PostgreSQL writes it. */
export function parserOf(oid: number): (text: string) => JsonValue {
  if (oid === BOOL) return (text) => text === 't'
  if (oid === INT2 || oid === INT4 || oid === OID || oid === INT8) return integerOrText
  if (oid === FLOAT4 || oid === FLOAT8) return (text) => (Number.isFinite(Number(text)) ? Number(text) : text)
  if (oid === JSON_OID || oid === JSONB) return (text) => JSON.parse(text) as JsonValue
  return (text) => text
}

function integerOrText(text: string): JsonValue {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : text
}

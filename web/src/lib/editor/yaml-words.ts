// Plain values as short YAML.
import type { JsonValue } from '@mcpshield/policy/facts'

const BARE = /^[A-Za-z_/][\w./-]*( [\w./-]+)*$/
const DURATION = /^\d+(ms|s|m|h|d)$/
const RESERVED = /^(true|false|null|yes|no|on|off|y|n)$/i

/** A text, in quotes where the bare word would be something else. */
export function textInYaml(text: string): string {
  const isBare = (BARE.test(text) || DURATION.test(text)) && !RESERVED.test(text)
  return isBare ? text : JSON.stringify(text)
}

/** A value on one line. */
export function valueInYaml(value: JsonValue): string {
  if (typeof value === 'string') return textInYaml(value)
  if (Array.isArray(value)) return `[${value.map(valueInYaml).join(', ')}]`
  if (value === null || typeof value !== 'object') return String(value)
  const entries = Object.entries(value).map(([key, each]) => `${textInYaml(key)}: ${valueInYaml(each)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

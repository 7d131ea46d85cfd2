// Rules name a resource by its URI as it is written, and a server may read another one in it: what is denied, asked for or
// redacted under one spelling is so under every other.
import { isDeepStrictEqual } from 'node:util'
import { isUnknown, type Facts } from '@mcpshield/policy/facts'
import type { Decision } from '@mcpshield/policy/schema'
import { otherReadings } from './uri-readings.ts'

/** Decides a call of this method as it is written, and in every way its resource may be read. */
export function decideEveryReading(
  method: string,
  facts: Facts,
  decide: (facts: Facts) => Decision,
): Decision {
  const written = decide(facts)
  if (written.decision === 'deny' || method === 'tools/call') return written
  for (const tool of otherReadings(facts.tool)) {
    const read = decide({ ...facts, tool, ...argumentsAs(tool, facts) })
    // Not being allowed is no rule's word: one may allow a resource by the spelling that its server lists.
    if (read.decision === 'deny' && read.rule === 'default') continue
    if (read.decision === 'deny' || (read.decision === 'ask' && written.decision === 'allow')) return read
    if (!isDeepStrictEqual(read.obligations, written.obligations)) {
      const reason = `The URI can also be read as ${tool}, where other terms hold: name it so.`
      return { decision: 'deny', rule: read.rule, reason, obligations: { rate_limits: [], redact: [] } }
    }
  }
  return written
}

/** Where the URI is an argument, conditions on that see the same reading. */
function argumentsAs(tool: string, { tool: written, arguments: args }: Facts): Partial<Facts> {
  const uriOf = (name: string) => name.slice(name.indexOf('/') + 1)
  if (isUnknown(args) || args['uri'] !== uriOf(written)) return {}
  return { arguments: { ...args, uri: uriOf(tool) } }
}

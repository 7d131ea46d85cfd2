// What a client can be asked, by the capabilities that it declares.
import type { JsonObject } from '@mcpshield/policy/facts'
import { isObject, type Message } from './messages.ts'

/** Question → the capability that a client must have declared for it. */
const NEEDS: Record<string, string> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
}

export function canAnswer(capabilities: JsonObject, { method, params }: Message): boolean {
  const needed = Object.hasOwn(NEEDS, method) ? NEEDS[method] : undefined
  const declared = needed === undefined ? undefined : capabilities[needed]
  if (!isObject(declared)) return false
  return needed !== 'elicitation' || takesMode(declared, params?.['mode'])
}

/** An empty declaration is of forms, as it was before there were modes. */
function takesMode(elicitation: JsonObject, mode: unknown): boolean {
  if (mode === 'url') return isObject(elicitation['url'])
  return isObject(elicitation['form']) || !isObject(elicitation['url'])
}

export function canBeAsked(capabilities: JsonObject): boolean {
  return Object.values(NEEDS).some((capability) => capabilities[capability] !== undefined)
}

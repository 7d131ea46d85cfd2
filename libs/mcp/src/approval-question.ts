// How the person at a client is asked whether a call may run: the call is shown as it will run, or not asked about.
import type { JsonObject } from '@mcpshield/policy/facts'
import { withVisibleCharacters } from './invisible-characters.ts'
import { isObject, type Message } from './messages.ts'

/** The name of our question among the input requests of a result. */
export const APPROVAL_QUESTION = 'io.mcpshield/approval'

export type AskedCall = { tool: string; arguments: JsonObject; rule: string; reason: string }

/** What a person reads at once. */
const MAX_SHOWN_UNITS = 4_000

/** The question with the whole call in it; undefined where it is too long: half a call is nothing that could be approved. */
export function approvalForm(call: AskedCall): Message | undefined {
  const shown = withVisibleCharacters(JSON.stringify(call.arguments, null, 2))
  if (shown.length > MAX_SHOWN_UNITS) return undefined
  return {
    method: 'elicitation/create',
    params: {
      mode: 'form',
      message: `${wantsApproval(call)}\n\n${shown}\n\nAccept to let exactly this call run, once; decline to refuse it.`,
      requestedSchema: { type: 'object', properties: {} },
    },
  }
}

/** Who wants a person's word on what, and why. */
export function wantsApproval({ tool, rule, reason }: Omit<AskedCall, 'arguments'>): string {
  return withVisibleCharacters(`The rule ${rule} wants a person’s approval for ${tool}. ${reason}`)
}

/** The input requests by which a client of the modern era is asked. */
export function approvalRequests(question: Message): JsonObject {
  return { [APPROVAL_QUESTION]: { ...question } }
}

/** What a client of the modern era answered to our question, in its retry. */
export function approvalResponse(params: JsonObject): JsonObject | undefined {
  const { inputResponses } = params
  const response = isObject(inputResponses) ? inputResponses[APPROVAL_QUESTION] : undefined
  return isObject(response) ? response : undefined
}

/** The other answers of a retry: those to a server's own questions. Undefined where there are none. */
export function withoutApproval(inputResponses: unknown): JsonObject | undefined {
  if (!isObject(inputResponses)) return undefined
  const { [APPROVAL_QUESTION]: _, ...others } = inputResponses
  return Object.keys(others).length === 0 ? undefined : others
}

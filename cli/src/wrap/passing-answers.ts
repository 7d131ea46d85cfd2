// The answers of methods that are not decided: how a server introduces itself, and lists without what no call could be
// allowed.
import { entriesOf, isListMethod, isShown, LISTS } from '@mcpshield/mcp/lists'
import { isObject, type RpcAnswer } from '@mcpshield/mcp/messages'
import { redactAnswer, redactProse } from '@mcpshield/mcp/redact-answer'
import { withoutTaskLists } from '@mcpshield/mcp/task-methods'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Obligations } from '@mcpshield/policy/schema'
import type { KeyedHash } from '@mcpshield/redact/marker'
import { isPlain, type ToolWatch } from './tool-watch.ts'

export type PassingDeps = {
  tools: ToolWatch
  /** Whether some call of it could be allowed or asked for, by the server's own name of it. */
  couldShow(method: string, name: string): boolean
  /** What is looked for in prose and errors. */
  redact: Obligations['redact']
  keyedHash: KeyedHash
}

export async function passingAnswer(
  deps: PassingDeps,
  method: string,
  answer: RpcAnswer,
): Promise<RpcAnswer> {
  const { redact, keyedHash } = deps
  if ('error' in answer) return redactAnswer(method, answer, redact, keyedHash, []).answer
  const { result } = answer
  if (method === 'initialize' || method === 'server/discover')
    return { result: redactProse(withCapabilities(result), redact, keyedHash) }
  if (!isListMethod(method)) return { result }
  const entries = entriesOf(result, method)
  const listed = method === 'tools/list' ? entries.filter(isPlain) : entries
  if (method === 'tools/list') await deps.tools.learn(listed)
  const { couldShow } = deps
  const isQuarantined = (tool: string) => deps.tools.isQuarantined(tool)
  const shown = listed.filter((entry) => isShown(method, entry, { couldShow, isQuarantined }))
  const told = shown.map((entry) => redactProse(entry, redact, keyedHash))
  return { result: { ...result, [LISTS[method].member]: told } }
}

function withCapabilities(result: JsonObject): JsonObject {
  const { capabilities } = result
  return isObject(capabilities) ? { ...result, capabilities: withoutTaskLists(capabilities) } : result
}

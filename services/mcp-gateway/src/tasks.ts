// Tasks: a call whose result is fetched later. The id that a client gets is ours: it carries, sealed, whose task it is
// and what the call owes, so that its result is redacted like the call's own would have been, at any instance.
import { isObject } from '@mcpshield/mcp/messages'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { Obligations } from '@mcpshield/policy/schema'
import { z } from 'zod'
import type { Client } from './client.ts'
import type { Bound, SealedStates } from './sealed-state.ts'

/** What a task's id carries. */
const Terms = z.object({
  slug: z.string(),
  task: z.string(),
  /** Canonical, of the call that made it. */
  tool: z.string(),
  redact: Obligations.shape.redact,
  max_bytes: z.int().optional(),
})
export type TaskTerms = z.infer<typeof Terms>

const LIFETIME_MS = 24 * 3_600_000

export async function openTask(
  states: SealedStates,
  client: Client,
  taskId: JsonValue | undefined,
): Promise<TaskTerms | { problem: string }> {
  if (typeof taskId !== 'string') return { problem: 'The taskId must be a string.' }
  const opened = await states.open(taskId, boundTo(client))
  return 'problem' in opened
    ? { problem: `There is no such task. ${opened.problem}` }
    : Terms.parse(opened.content)
}

/** A result with its task's id, or ids, made ours: `task.taskId`, and of the modern era `taskId` beside `resultType: task`. */
export async function withSealedTask(
  states: SealedStates,
  client: Client,
  { shown, raw }: { shown: JsonObject; raw: JsonObject },
  terms: Omit<TaskTerms, 'task'>,
): Promise<JsonObject> {
  const own = async (taskId: string) =>
    states.seal({ ...terms, task: taskId } as JsonObject, boundTo(client), LIFETIME_MS)
  const { task, taskId } = raw
  if (isObject(task) && typeof task['taskId'] === 'string') {
    const told = isObject(shown['task']) ? shown['task'] : {}
    return { ...shown, task: { ...told, taskId: await own(task['taskId']) } }
  }
  if (raw['resultType'] === 'task' && typeof taskId === 'string')
    return { ...shown, resultType: 'task', taskId: await own(taskId) }
  return shown
}

/** What an upstream says of a task, under the id that the client knows. */
export function renamedTask(result: JsonObject, task: string, known: string): JsonObject {
  const renamed = result['taskId'] === task ? { ...result, taskId: known } : result
  const meta = renamed['_meta']
  const related = isObject(meta) ? meta['io.modelcontextprotocol/related-task'] : undefined
  if (!isObject(meta) || !isObject(related) || related['taskId'] !== task) return renamed
  return {
    ...renamed,
    _meta: { ...meta, 'io.modelcontextprotocol/related-task': { ...related, taskId: known } },
  }
}

function boundTo({ credential }: Client): Bound {
  return { subject: credential.subject, projectId: credential.project_id, call: { of: 'task' } }
}

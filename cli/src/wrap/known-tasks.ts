// Tasks: what a call owed holds for the result that is fetched later, too. Only ids that an answer here told are known.
import { isObject } from '@mcpshield/mcp/messages'
import { madeTask } from '@mcpshield/mcp/task-methods'
import type { Facts, JsonObject } from '@mcpshield/policy/facts'
import type { Obligations } from '@mcpshield/policy/schema'

/** Of the call that made the task. */
export type TaskTerms = {
  /** As rules name it. */
  tool: string
  redact: Obligations['redact']
  max_bytes?: number | undefined
  accesses: Facts['accesses']
}

export type KnownTasks = {
  of(taskId: unknown): TaskTerms | undefined
  /** Takes note of the task that a result tells of, if it does. */
  learn(result: JsonObject, terms: TaskTerms): void
}

const MAX_TASKS = 10_000

export function knownTasks(): KnownTasks {
  const tasks = new Map<string, TaskTerms>()
  return {
    of: (taskId) => (typeof taskId === 'string' ? tasks.get(taskId) : undefined),
    learn(result, terms) {
      const id = madeTask(result)
      // The first call that a task was told for decides what it owes: a server cannot loosen that by naming it again.
      if (id === undefined || tasks.has(id)) return
      tasks.set(id, terms)
      for (const oldest of tasks.keys()) {
        if (tasks.size <= MAX_TASKS) break
        tasks.delete(oldest)
      }
    },
  }
}

/** A redacted result with the ids of tasks as they were: one that was changed would name nothing. */
export function withTaskIds(redacted: JsonObject, original: JsonObject): JsonObject {
  const { task, taskId } = original
  const id = isObject(task) ? task['taskId'] : undefined
  return {
    ...redacted,
    ...(typeof taskId === 'string' ? { taskId } : {}),
    ...(typeof id === 'string' && isObject(redacted['task'])
      ? { task: { ...redacted['task'], taskId: id } }
      : {}),
  }
}

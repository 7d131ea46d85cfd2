// Tasks: a call whose result is fetched later, by an id that only who made the call may use.
import { isObject } from './messages.ts'
import type { JsonObject } from '@mcpshield/policy/facts'

const NAMING = new Set(['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/update'])

/** Methods that name a task of the client's own. */
export function namesTask(method: string): boolean {
  return NAMING.has(method)
}

/** A server's capabilities without its list of tasks: it would tell ids that no call of the client's gave it. */
export function withoutTaskLists(capabilities: JsonObject): JsonObject {
  const { tasks } = capabilities
  if (!isObject(tasks)) return capabilities
  const { list: _, ...rest } = tasks
  return { ...capabilities, tasks: rest }
}

/** The id of the task that a call made: `task.taskId`, and of the modern era `taskId` beside `resultType: task`. */
export function madeTask({ task, taskId, resultType }: JsonObject): string | undefined {
  const id = isObject(task) ? task['taskId'] : resultType === 'task' ? taskId : undefined
  return typeof id === 'string' ? id : undefined
}

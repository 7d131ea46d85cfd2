// What clients call the tasks of an upstream: a server speaks of them by ids of its own also in the middle of things, in
// reports of their status and in questions that are asked for their sake.
import { isObject, metaOf, type Message } from '@mcpshield/mcp/messages'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Session } from './client.ts'

export type TaskNames = {
  learn(session: Session | null, slug: string, task: string, known: string): void
  of(session: Session | null, slug: string, task: string): string | undefined
}

const STATUS = 'notifications/tasks/status'
const RELATED = 'io.modelcontextprotocol/related-task'
const MAX_PER_SESSION = 1_000

export function taskNames(): TaskNames {
  const ofSession = new WeakMap<Session, Map<string, string>>()
  const keyOf = (slug: string, task: string) => `${slug} ${task}`
  return {
    learn(session, slug, task, known) {
      if (session === null) return
      const names = ofSession.get(session) ?? new Map<string, string>()
      ofSession.set(session, names)
      names.set(keyOf(slug, task), known)
      const [oldest] = names.keys()
      if (names.size > MAX_PER_SESSION && oldest !== undefined) names.delete(oldest)
    },
    of: (session, slug, task) =>
      session === null ? undefined : ofSession.get(session)?.get(keyOf(slug, task)),
  }
}

/** The message under the client's names; undefined when it reports on a task that this client does not know. */
export function inClientsNames(
  { method, params }: Message,
  nameOf: (task: string) => string | undefined,
): Message | undefined {
  if (params === undefined) return method === STATUS ? undefined : { method }
  const named = withoutStrangeTask(params, nameOf)
  if (method !== STATUS) return { method, params: named }
  const taskId = nameOf(textOf(params['taskId']))
  return taskId === undefined ? undefined : { method, params: { ...named, taskId } }
}

function withoutStrangeTask(params: JsonObject, nameOf: (task: string) => string | undefined): JsonObject {
  const { [RELATED]: related, ...meta } = metaOf(params)
  if (!isObject(related)) return params
  const taskId = nameOf(textOf(related['taskId']))
  const _meta = taskId === undefined ? meta : { ...meta, [RELATED]: { ...related, taskId } }
  return { ...params, _meta }
}

/** Empty for what is no text: no task is called so. */
function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

// Whose progress a server tells: clients' tokens behind the ids that servers see instead.
import { isId, isObject, metaOf, type Message, type RequestId, type RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'

export const PROGRESS = 'notifications/progress'

/** Tasks that outlive their request go on telling progress; the oldest make room. */
const MAX_TASKS = 1_000

/** Told what belongs to a request; undefined when its caller does not listen. */
export type Tell = ((message: Message) => void) | undefined

export type Progress = {
  begin(id: number, params: JsonObject, tell: Tell): void
  end(id: number, answer: RpcAnswer | undefined): void
  /** What the request's client is told, and by whom; `task` when the request itself is over. Undefined when it is of none. */
  translate(params: JsonObject | undefined): { message: Message; tell: Tell; task: boolean } | undefined
}

export function openProgress(): Progress {
  const underWay = new Map<number, { token: RequestId; tell: Tell }>()
  const tasks = new Map<number, RequestId>()
  return {
    begin(id, params, tell) {
      const token = params['_meta'] === undefined ? undefined : metaOf(params)['progressToken']
      if (isId(token)) underWay.set(id, { token, tell })
    },
    end(id, answer) {
      const token = underWay.get(id)?.token
      if (token === undefined) return
      underWay.delete(id)
      if (answer === undefined || !startsTask(answer)) return
      tasks.set(id, token)
      for (const oldest of tasks.keys()) {
        if (tasks.size <= MAX_TASKS) break
        tasks.delete(oldest)
      }
    },
    translate(params) {
      const id = params?.['progressToken']
      if (typeof id !== 'number') return undefined
      const open = underWay.get(id)
      const token = open?.token ?? tasks.get(id)
      if (token === undefined) return undefined
      const message = { method: PROGRESS, params: { ...params, progressToken: token } }
      return { message, tell: open?.tell, task: open === undefined }
    },
  }
}

/** In the legacy era a task's result has its description in `task`. */
function startsTask(answer: RpcAnswer): boolean {
  return 'result' in answer && isObject(answer.result['task'])
}

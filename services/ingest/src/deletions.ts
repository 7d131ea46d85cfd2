// Deleting what belonged to a project, an organisation or a person. What was on its way when they were deleted is
// written later: so a deletion is remembered, and done again for a day.
import type { StreamMessage } from '@mcpshield/bus/stream'
import { auth } from '@mcpshield/contracts/auth'
import { projects } from '@mcpshield/contracts/projects'
import type { Log } from '@mcpshield/runtime/log'
import { NO_ORGANIZATION, type Deletion } from './maintenance.ts'

export type DeletionDeps = {
  /** Resolves when it will be deleted, whatever happens from then on. */
  apply: (deletion: Deletion) => Promise<unknown>
  /** For a day at least. */
  remember: (deletion: Deletion) => Promise<void>
  recent: () => Promise<Deletion[]>
  /** Its counts in Redis. */
  forgetCounts: (orgId: string) => Promise<void>
  log: Log
  sweepEveryMs?: number
}

const SWEEP_EVERY_MS = 10 * 60_000

/** Handles the events of `evt.projects.*` and `evt.auth.userDeleted`. */
export function deletionHandler(deps: DeletionDeps): (message: StreamMessage) => Promise<void> {
  return async (message) => {
    const read = deletionOf(message)
    if (read === 'other') return message.ack()
    if (read === 'unreadable') return message.bury('not an event of this contract')
    await deps.remember(read)
    await deps.apply(read)
    if (read.kind === 'organization') await deps.forgetCounts(read.subject_id)
    message.ack()
  }
}

function deletionOf({ subject, json }: StreamMessage): Deletion | 'other' | 'unreadable' {
  const payload = readable(json)
  if (subject === projects.evt.projectDeleted.subject) {
    const { data } = projects.evt.projectDeleted.payload.safeParse(payload)
    return data ? { kind: 'project', org_id: data.org_id, subject_id: data.project_id } : 'unreadable'
  }
  if (subject === projects.evt.organizationDeleted.subject) {
    const { data } = projects.evt.organizationDeleted.payload.safeParse(payload)
    return data ? { kind: 'organization', org_id: data.org_id, subject_id: data.org_id } : 'unreadable'
  }
  if (subject === auth.evt.userDeleted.subject) {
    const { data } = auth.evt.userDeleted.payload.safeParse(payload)
    return data ? { kind: 'person', org_id: NO_ORGANIZATION, subject_id: data.user_id } : 'unreadable'
  }
  return 'other'
}

function readable(json: () => unknown): unknown {
  try {
    return json()
  } catch {
    return undefined
  }
}

/** Does the deletions of the last day again, every few minutes, until disposed. */
export function startSweep(deps: DeletionDeps): AsyncDisposable {
  let running: Promise<void> = Promise.resolve()
  const sweep = async () => {
    try {
      for (const deletion of await deps.recent()) {
        await deps.apply(deletion)
        if (deletion.kind === 'organization') await deps.forgetCounts(deletion.subject_id)
      }
    } catch (error) {
      deps.log.warn({ err: error }, 'sweep')
    }
  }
  const timer = setInterval(() => {
    running = running.then(sweep)
  }, deps.sweepEveryMs ?? SWEEP_EVERY_MS)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
    },
  }
}

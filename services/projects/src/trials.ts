// Trying an upstream or a connection: what it is called is looked up here, in the asker's organisation; the enforcing
// gateway, which would use it, does the trying.
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { projects, Trial } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import { ConnectionRow } from './entities.ts'
import { found, projectOf, type Store } from './store.ts'
import { requireUpstream } from './tool-pins.ts'

type Names = 'testUpstream' | 'testConnection'

export type Try = {
  upstream(what: { project_id: string; slug: string }, requestId: string): Promise<Trial>
  connection(what: { project_id: string; name: string }, requestId: string): Promise<Trial>
}

export function trialHandlers({
  store,
  trial,
}: {
  store: Store
  trial: Try
}): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async testUpstream({ project_id, upstream_id }, call) {
      const { org_id } = signedIn(call.caller)
      const slug = await store.of(org_id).read(async (em) => {
        await projectOf(em, org_id, project_id)
        return requireUpstream(em, project_id, upstream_id)
      })
      return trial.upstream({ project_id, slug }, call.requestId).catch(notThereYet)
    },

    async testConnection({ project_id, connection_id }, call) {
      const { org_id } = signedIn(call.caller)
      const { name } = await store.of(org_id).read(async (em) => {
        await projectOf(em, org_id, project_id)
        return found(await em.findOne(ConnectionRow, { id: connection_id, project_id }), 'connection')
      })
      return trial.connection({ project_id, name }, call.requestId).catch(notThereYet)
    },
  }
}

/** It is there: what knows nothing of it has not heard yet, or cannot be asked. */
function notThereYet(cause: unknown): never {
  if (cause instanceof AppError && cause.code === 'DEADLINE_EXCEEDED') throw cause
  throw new AppError(
    'UNAVAILABLE',
    'The gateway that would try it cannot be asked now; try again in a moment.',
    {
      cause,
    },
  )
}

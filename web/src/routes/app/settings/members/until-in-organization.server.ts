import { setTimeout } from 'node:timers/promises'
import { projects } from '@mcpshield/contracts/projects'
import { ApiError, type Api } from '#lib/server/api.ts'

const LOOK_AGAIN_MS = 100
const GIVE_UP_MS = 3_000

/** Who has left their last organisation is given one of their own, a moment later. */
export async function untilInOrganization(api: Api): Promise<void> {
  const deadlineMs = Date.now() + GIVE_UP_MS
  while (Date.now() < deadlineMs) {
    try {
      await api(projects.rpc.getOrganization, {})
      return
    } catch (refused) {
      if (!(refused instanceof ApiError) || refused.status !== 503) throw refused
      await setTimeout(LOOK_AGAIN_MS)
    }
  }
}

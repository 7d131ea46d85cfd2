// API keys in memory, watched: a revoked one is gone within a second.
import type { Bus } from '@mcpshield/bus/connect'
import type { flow } from '@mcpshield/contracts/flow'
import { projects, type KeySnapshot } from '@mcpshield/contracts/projects'
import type { Keys } from './session.ts'

export async function watchKeys(bus: Bus<(typeof flow)['rest-gateway']>): Promise<Keys & AsyncDisposable> {
  const keys = new Map<string, KeySnapshot>()
  const watching = await bus.watch(projects.kv.keys, {
    remove: (digest) => void keys.delete(digest),
    put: (digest, key) => void keys.set(digest, key),
  })
  return {
    current: () => watching.current(),
    get: (digest) => keys.get(digest),
    [Symbol.asyncDispose]: () => watching[Symbol.asyncDispose](),
  }
}

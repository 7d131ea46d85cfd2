// What is watched beside policies and keys: the approved definitions of tools, and the state of held calls.
import type { Bus } from '@mcpshield/bus/connect'
import type { FlowRow } from '@mcpshield/contracts/flow'
import { projects, type ApprovalSnapshot } from '@mcpshield/contracts/projects'
import type { ApprovalWatch } from './held-calls.ts'
import type { Pins } from '@mcpshield/mcp/tool-catalog'

type Watches = FlowRow & {
  watches: readonly [...FlowRow['watches'], typeof projects.kv.pins, typeof projects.kv.approvals]
}

export type Watched = AsyncDisposable & {
  /** Of an upstream, by its id; undefined while none were told. */
  pins(upstreamId: string): Pins | undefined
  approvals: ApprovalWatch
  /** How many calls wait for a person's word. */
  held(): number
}

export async function watchPinsAndApprovals(bus: Pick<Bus<Watches>, 'watch'>): Promise<Watched> {
  const pins = new Map<string, Pins>()
  const approvals = new Map<string, ApprovalSnapshot>()
  const listeners = new Map<string, Set<() => void>>()
  const changed = (id: string) => listeners.get(id)?.forEach((listener) => listener())

  const pinWatch = await bus.watch(projects.kv.pins, {
    put: (upstreamId, snapshot) => void pins.set(upstreamId, snapshot.pins),
    remove: (upstreamId) => void pins.delete(upstreamId),
  })
  const approvalWatch = await bus.watch(projects.kv.approvals, {
    put(id, snapshot) {
      approvals.set(id, snapshot)
      changed(id)
    },
    remove(id) {
      approvals.delete(id)
      changed(id)
    },
  })
  return {
    pins: (upstreamId) => pins.get(upstreamId),
    held: () => [...listeners.values()].reduce((sum, { size }) => sum + size, 0),
    approvals: {
      get: (id) => approvals.get(id),
      on(id, listener) {
        const known = listeners.get(id) ?? new Set()
        listeners.set(id, known.add(listener))
        return {
          [Symbol.dispose]() {
            known.delete(listener)
            if (known.size === 0 && listeners.get(id) === known) listeners.delete(id)
          },
        }
      },
    },
    async [Symbol.asyncDispose]() {
      await pinWatch[Symbol.asyncDispose]()
      await approvalWatch[Symbol.asyncDispose]()
    },
  }
}

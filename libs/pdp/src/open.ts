// A decision point with all it stands on: what the decision service and the enforcing gateway both open.
import type { Bus } from '@mcpshield/bus/connect'
import type { Log } from '@mcpshield/bus/log'
import type { FlowRow } from '@mcpshield/contracts/flow'
import { projects } from '@mcpshield/contracts/projects'
import { prepareParsers } from '@mcpshield/facts/draw'
import { decisionPoint, type DecisionPoint } from './decide-call.ts'
import { factsCache } from './facts-cache.ts'
import { keyUse, type KeyUse } from './key-use.ts'
import { connectLimitStore, type LimitStore } from './limits.ts'
import { hmacSha256 } from './record.ts'
import { watchSnapshots, type Snapshots } from './snapshots.ts'

export type OpenDecisionPoint = AsyncDisposable & {
  pdp: DecisionPoint
  snapshots: Snapshots
  limits: LimitStore
  uses: KeyUse
}

/** What flow.ts must grant to whoever decides. */
type DecisionRow = FlowRow & {
  calls: readonly [...FlowRow['calls'], typeof projects.rpc.reportKeyUse]
  watches: readonly [typeof projects.kv.policies, typeof projects.kv.keys, ...FlowRow['watches']]
}

type Options = {
  redisUrl: string
  digestKeyHex: string
  log: Log
  /** Told of every decision, for whoever counts them. */
  decided?: ((decision: string, reason: string) => void) | undefined
}

export async function openDecisionPoint(
  bus: Omit<Bus<DecisionRow>, 'peers'>,
  options: Options,
): Promise<OpenDecisionPoint> {
  const { redisUrl, digestKeyHex, log } = options
  await using stack = new AsyncDisposableStack()
  await prepareParsers()
  const snapshots = stack.use(await watchSnapshots(bus, log))
  const limits = stack.use(connectLimitStore(redisUrl, log))
  const uses = stack.use(keyUse((batch) => bus.call(projects.rpc.reportKeyUse, { uses: batch }), log))
  const pdp = decisionPoint({
    snapshots,
    limits,
    audit: bus.audit,
    factsCache: factsCache(),
    keyedHash: hmacSha256(digestKeyHex),
    now: () => new Date(),
    decided: options.decided,
  })
  const kept = stack.move()
  return { pdp, snapshots, limits, uses, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

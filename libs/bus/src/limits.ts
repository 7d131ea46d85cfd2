// What a service may say, as types, from its row of flow.ts.
import type { FlowRow } from '@mcpshield/contracts/flow'

export type RpcCalledBy<R extends FlowRow> = R['calls'][number]
export type EmittedBy<R extends FlowRow> = R['emits'][number]
export type EnqueuedBy<R extends FlowRow> = R['enqueues'][number]
export type ConsumptionOf<R extends FlowRow> = R['consumes'][number]

// Who serves, calls, emits, watches, writes and consumes what: the table of contents of the system. The compiler limits each
// service's bus to its row, and its NATS permissions are made from it.
import { auth } from './auth.ts'
import { decision } from './decision.ts'
import type { EvtDef, KvDef, RpcDef } from './define.ts'
import { ingest } from './ingest.ts'
import { projects } from './projects.ts'

export type Consumption = {
  /** Name of the durable consumer: `<service>-<purpose>`. */
  durable: string
  stream: 'EVENTS' | 'AUDIT'
  /** Subject filter; 2.9 servers know one per consumer. */
  filter: string
  /** How many messages may be on their way at once. */
  maxAckPending: number
  ackWaitMs: number
}

export type FlowRow = {
  /** The contract whose endpoints the service answers. */
  serves: readonly { name: string; rpc: Record<string, RpcDef> }[]
  calls: readonly RpcDef[]
  emits: readonly EvtDef[]
  /** May publish decisions and their outcomes. */
  audits: boolean
  watches: readonly KvDef[]
  writes: readonly KvDef[]
  consumes: readonly Consumption[]
}

export const consumption = {
  projectsOrganizations: {
    durable: 'projects-organizations',
    stream: 'EVENTS',
    filter: auth.evt.userRegistered.subject,
    maxAckPending: 16,
    ackWaitMs: 30_000,
  },
  ingestAudit: {
    durable: 'ingest-audit',
    stream: 'AUDIT',
    filter: 'audit.>',
    maxAckPending: 2_000,
    ackWaitMs: 15_000,
  },
} as const satisfies Record<string, Consumption>

/** Every endpoint of a contract that has an HTTP route: the gateway may call these and no others. */
function onHttp(...contracts: { rpc: Record<string, RpcDef> }[]): RpcDef[] {
  return contracts.flatMap((each) => Object.values(each.rpc).filter((def) => def.http !== undefined))
}

const nothing = {
  serves: [],
  calls: [],
  emits: [],
  audits: false,
  watches: [],
  writes: [],
  consumes: [],
} as const

export const flow = {
  auth: { ...nothing, serves: [auth], emits: [auth.evt.userRegistered] },
  projects: {
    ...nothing,
    serves: [projects],
    writes: [projects.kv.policies, projects.kv.keys],
    consumes: [consumption.projectsOrganizations],
    audits: true,
  },
  decision: {
    ...nothing,
    serves: [decision],
    calls: [projects.rpc.reportKeyUse],
    audits: true,
    watches: [projects.kv.policies, projects.kv.keys],
  },
  ingest: { ...nothing, serves: [ingest], consumes: [consumption.ingestAudit] },
  'rest-gateway': {
    ...nothing,
    calls: [
      ...onHttp(auth, projects, decision, ingest),
      auth.rpc.getSigningKeys,
      auth.rpc.checkSession,
      projects.rpc.getMembership,
      auth.rpc.checkHealth,
      projects.rpc.checkHealth,
      decision.rpc.checkHealth,
      ingest.rpc.checkHealth,
    ],
    watches: [projects.kv.keys],
  },
  'mcp-gateway': {
    ...nothing,
    calls: [projects.rpc.getRuntime, projects.rpc.reportKeyUse],
    audits: true,
    watches: [projects.kv.policies, projects.kv.keys],
  },
  /** The operator's hand: makes the demo's people. Its credentials never leave the data folder. */
  operator: { ...nothing, calls: [auth.rpc.createUser, projects.rpc.getMembership] },
} as const satisfies Record<string, FlowRow>

export type ServiceName = keyof typeof flow

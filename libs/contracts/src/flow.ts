// Who serves, calls, emits, watches, writes and consumes what: the table of contents of the system. The compiler limits each
// service's bus to its row, and its NATS permissions are made from it.
import { ai } from './ai.ts'
import { auth } from './auth.ts'
import { billing } from './billing.ts'
import { busKeys } from './bus-keys.ts'
import { decision } from './decision.ts'
import type { EvtDef, JobDef, KvDef, RpcDef } from './define.ts'
import { ingest } from './ingest.ts'
import { mailer } from './mailer.ts'
import { mcpGateway } from './mcp-gateway.ts'
import { projects } from './projects.ts'
import { siem } from './siem.ts'

export type Consumption = {
  /** Name of the durable consumer: `<service>-<purpose>`. */
  durable: string
  stream: 'EVENTS' | 'AUDIT' | 'JOBS'
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
  /** Work it may ask for. */
  enqueues: readonly JobDef[]
  /** May publish decisions and their outcomes. */
  audits: boolean
  /** May follow the record as it is written. */
  followsAudit: boolean
  /** Its instances may ask each other by id (`peer.<service>.<instance>`) and tell all of them. */
  peers: boolean
  /** May read, take out and send again what is among the dead letters. */
  replaysDead: boolean
  watches: readonly KvDef[]
  writes: readonly KvDef[]
  consumes: readonly Consumption[]
  /** Streams of which it makes and removes durable consumers for customers, and what these may be filtered to. */
  keepsConsumers: readonly { stream: 'AUDIT'; filter: string }[]
}

export const consumption = {
  /** Registered, changed and deleted people. */
  projectsPeople: {
    durable: 'projects-people',
    stream: 'EVENTS',
    filter: 'evt.auth.*',
    maxAckPending: 1, // In order: a person is made before they are changed.
    ackWaitMs: 30_000,
  },
  mailerSend: {
    durable: 'mailer-send',
    stream: 'JOBS',
    filter: mailer.job.send.subject,
    // Mails that wait to be tried again count: a few slow mail servers must not hold up everyone else's mail.
    maxAckPending: 1_000,
    ackWaitMs: 120_000,
  },
  mailerPeople: {
    durable: 'mailer-people',
    stream: 'EVENTS',
    filter: auth.evt.userDeleted.subject,
    maxAckPending: 16,
    ackWaitMs: 30_000,
  },
  billingUsage: {
    durable: 'billing-usage',
    stream: 'EVENTS',
    filter: ingest.evt.usageReached.subject,
    maxAckPending: 16,
    ackWaitMs: 30_000,
  },
  billingOrganizations: {
    durable: 'billing-organizations',
    stream: 'EVENTS',
    filter: projects.evt.organizationDeleted.subject,
    maxAckPending: 16,
    ackWaitMs: 30_000,
  },
  /** Deleted projects and organisations. */
  ingestProjects: {
    durable: 'ingest-projects',
    stream: 'EVENTS',
    filter: 'evt.projects.*',
    maxAckPending: 4,
    ackWaitMs: 120_000,
  },
  ingestPeople: {
    durable: 'ingest-people',
    stream: 'EVENTS',
    filter: auth.evt.userDeleted.subject,
    maxAckPending: 4,
    ackWaitMs: 120_000,
  },
  siemOrganizations: {
    durable: 'siem-organizations',
    stream: 'EVENTS',
    filter: projects.evt.organizationDeleted.subject,
    maxAckPending: 4,
    ackWaitMs: 60_000,
  },
  aiPeople: {
    durable: 'ai-people',
    stream: 'EVENTS',
    filter: auth.evt.userDeleted.subject,
    maxAckPending: 4,
    ackWaitMs: 30_000,
  },
  /** Deleted projects and organisations. */
  aiProjects: {
    durable: 'ai-projects',
    stream: 'EVENTS',
    filter: 'evt.projects.*',
    maxAckPending: 4,
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
  enqueues: [],
  audits: false,
  followsAudit: false,
  peers: false,
  replaysDead: false,
  watches: [],
  writes: [],
  consumes: [],
  keepsConsumers: [],
} as const

export const flow = {
  auth: {
    ...nothing,
    serves: [auth],
    calls: [projects.rpc.checkDeparture],
    emits: [auth.evt.userRegistered, auth.evt.userChanged, auth.evt.userDeleted],
    enqueues: [mailer.job.send],
  },
  projects: {
    ...nothing,
    serves: [projects],
    calls: [
      billing.rpc.getEntitlements,
      ingest.rpc.simulatePolicy,
      mcpGateway.rpc.tryUpstream,
      mcpGateway.rpc.tryConnection,
    ],
    emits: [projects.evt.projectDeleted, projects.evt.organizationDeleted],
    enqueues: [mailer.job.send],
    writes: [projects.kv.policies, projects.kv.keys, projects.kv.pins, projects.kv.approvals],
    consumes: [consumption.projectsPeople],
    audits: true,
  },
  decision: {
    ...nothing,
    serves: [decision],
    calls: [projects.rpc.reportKeyUse],
    audits: true,
    watches: [projects.kv.policies, projects.kv.keys],
  },
  ingest: {
    ...nothing,
    serves: [ingest],
    emits: [ingest.evt.usageReached],
    watches: [billing.kv.entitlements],
    consumes: [consumption.ingestAudit, consumption.ingestProjects, consumption.ingestPeople],
    audits: true,
  },
  billing: {
    ...nothing,
    serves: [billing],
    calls: [projects.rpc.countProjects, projects.rpc.listAdministrators, ingest.rpc.countEvents],
    enqueues: [mailer.job.send],
    writes: [billing.kv.entitlements],
    consumes: [consumption.billingUsage, consumption.billingOrganizations],
    audits: true,
  },
  /** It proposes: nothing that it may call changes anything. */
  ai: {
    ...nothing,
    serves: [ai],
    calls: [projects.rpc.describeProject, projects.rpc.validatePolicy, mcpGateway.rpc.describeConnection],
    watches: [billing.kv.entitlements],
    consumes: [consumption.aiPeople, consumption.aiProjects],
    audits: true,
  },
  mailer: {
    ...nothing,
    serves: [mailer],
    calls: [auth.rpc.getRecipient],
    consumes: [consumption.mailerSend, consumption.mailerPeople],
    replaysDead: true,
  },
  siem: {
    ...nothing,
    serves: [siem],
    calls: [
      billing.rpc.getEntitlements,
      busKeys.rpc.setAccount,
      busKeys.rpc.signReader,
      busKeys.rpc.signWriter,
    ],
    watches: [billing.kv.entitlements],
    consumes: [consumption.siemOrganizations],
    keepsConsumers: [{ stream: 'AUDIT', filter: 'audit.*.>' }],
    audits: true,
  },
  /** Signs for NATS, and is asked by siem alone. */
  'bus-keys': { ...nothing, serves: [busKeys] },
  'rest-gateway': {
    ...nothing,
    calls: [
      ...onHttp(auth, projects, decision, ingest, billing, mailer, ai, siem),
      auth.rpc.checkSession,
      projects.rpc.getMembership,
      projects.rpc.reportKeyUse,
      auth.rpc.checkHealth,
      projects.rpc.checkHealth,
      decision.rpc.checkHealth,
      ingest.rpc.checkHealth,
      billing.rpc.checkHealth,
      mailer.rpc.checkHealth,
      siem.rpc.checkHealth,
      ai.rpc.checkHealth,
    ],
    followsAudit: true,
    watches: [projects.kv.keys],
  },
  'mcp-gateway': {
    ...nothing,
    serves: [mcpGateway],
    calls: [
      projects.rpc.getRuntime,
      projects.rpc.reportKeyUse,
      projects.rpc.reportTools,
      projects.rpc.getUpstreamToken,
      projects.rpc.requestApproval,
      projects.rpc.decideInClient,
      projects.rpc.useApproval,
    ],
    audits: true,
    peers: true,
    watches: [projects.kv.policies, projects.kv.keys, projects.kv.pins, projects.kv.approvals],
  },
  /** The operator's hand: makes the demo's people. Its credentials never leave the data folder. */
  operator: { ...nothing, calls: [auth.rpc.createUser, projects.rpc.getMembership] },
} as const satisfies Record<string, FlowRow>

export type ServiceName = keyof typeof flow

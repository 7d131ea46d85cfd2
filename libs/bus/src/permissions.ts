// A service's NATS permissions, made from its row of flow.ts and from nothing else.
import { AUDIT_CLASSES } from '@mcpshield/contracts/audit'
import { consumption, type Consumption, type FlowRow } from '@mcpshield/contracts/flow'

export type Permissions = {
  publish: string[]
  /** Out of what `publish` lets through. */
  denyPublish?: string[]
  subscribe: string[]
}

/** Inbox prefix of a service: nobody else may listen to its answers. */
export function inboxPrefix(service: string): string {
  return `_INBOX_${service}`
}

export function permissionsOf(service: string, row: FlowRow): Permissions {
  const publish = [
    ...row.calls.map((def) => def.subject),
    ...row.emits.map((def) => def.subject),
    ...row.enqueues.map((def) => def.subject),
    ...(row.audits ? AUDIT_CLASSES.map((last) => `audit.*.*.${last}`) : []),
    ...row.writes.flatMap((def) => [`$KV.${def.bucket}.>`, `$JS.API.STREAM.INFO.KV_${def.bucket}`]),
    ...row.watches.flatMap((def) => readsBucket(def.bucket)),
    ...row.consumes.flatMap(({ stream, durable }) => [
      `$JS.API.CONSUMER.INFO.${stream}.${durable}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`,
      `$JS.ACK.${stream}.${durable}.>`,
    ]),
    ...row.keepsConsumers.flatMap(keepsConsumers),
    ...(row.consumes.length > 0 ? ['dead.>'] : []),
    // To answer one another however long it takes: the right to answer a request ends after a minute.
    ...(row.peers ? [`peer.${service}.>`, `${inboxPrefix(service)}.>`] : []),
    ...(row.replaysDead ? REPLAYS : []),
  ]
  const subscribe = [
    ...(row.followsAudit ? ['audit.>'] : []),
    ...(row.peers ? [`peer.${service}.>`] : []),
    `${inboxPrefix(service)}.>`,
    ...row.serves.map((served) => `rpc.${served.name}.* ${served.name}`),
  ]
  const denyPublish = row.keepsConsumers.flatMap(({ stream }) => othersConsumers(service, stream))
  return {
    publish: [...new Set(publish)].sort(),
    ...(denyPublish.length === 0 ? {} : { denyPublish: denyPublish.sort() }),
    subscribe: subscribe.sort(),
  }
}

/** What concerns one durable consumer of a stream, or any (`*`). */
const consumerSubjects = (stream: string, durable: string) => [
  `$JS.API.CONSUMER.INFO.${stream}.${durable}`,
  `$JS.API.CONSUMER.DELETE.${stream}.${durable}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`,
  `$JS.ACK.${stream}.${durable}.>`,
]

/**
 * Durable consumers of its own making. A subject of NATS cannot say how a name begins, so all names are let through and
 * those of other services' consumers taken out; the filter is in the subject, and names one organisation.
 */
function keepsConsumers({ stream, filter }: FlowRow['keepsConsumers'][number]): string[] {
  return [`$JS.API.CONSUMER.CREATE.${stream}.*.${filter}`, ...consumerSubjects(stream, '*')]
}

function othersConsumers(service: string, stream: string): string[] {
  return Object.values<Consumption>(consumption)
    .filter((each) => each.stream === stream && !each.durable.startsWith(`${service}-`))
    .flatMap(({ durable }) => [
      `$JS.API.CONSUMER.CREATE.${stream}.${durable}.>`,
      ...consumerSubjects(stream, durable),
    ])
}

function readsBucket(bucket: string): string[] {
  const stream = `KV_${bucket}`
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.FC.${stream}.>`,
    `$JS.ACK.${stream}.>`,
  ]
}

/** Reading and taking out dead letters, and sending them to where they failed. */
const REPLAYS = [
  '$JS.API.STREAM.INFO.DEAD',
  '$JS.API.STREAM.MSG.GET.DEAD',
  '$JS.API.STREAM.MSG.DELETE.DEAD',
  'evt.>',
  'job.>',
  ...AUDIT_CLASSES.map((last) => `audit.*.*.${last}`),
]

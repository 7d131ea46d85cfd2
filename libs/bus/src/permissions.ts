// A service's NATS permissions, made from its row of flow.ts and from nothing else.
import { AUDIT_CLASSES } from '@mcpshield/contracts/audit'
import type { FlowRow } from '@mcpshield/contracts/flow'

export type Permissions = { publish: string[]; subscribe: string[] }

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
  return { publish: [...new Set(publish)].sort(), subscribe: subscribe.sort() }
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

// Forwarders as tests make and look at them, and the receivers' certificates.
import { siem } from '@mcpshield/contracts/siem'
import { certificateAuthority } from '@mcpshield/testkit/certificates'
import type { User } from './world.ts'

export const authority = certificateAuthority()
const ca_certificate = authority.certificate
export const tls = authority.issue({ dnsNames: ['localhost'], addresses: ['127.0.0.1'] })

export const toWebhook = (url: string, over: object = {}) => ({
  kind: 'webhook' as const,
  url,
  ca_certificate,
  ...over,
})
export const toSyslog = (port: number, over: object = {}) => ({
  kind: 'syslog' as const,
  host: 'localhost',
  port,
  ca_certificate,
  ...over,
})
type Destination = ReturnType<typeof toWebhook> | ReturnType<typeof toSyslog>

export const create = (by: User, destination: Destination, name = 'Collector') =>
  by.call(siem.rpc.createSiemForwarder, { name, destination })
export const get = (by: User, forwarder_id: string) => by.call(siem.rpc.getSiemForwarder, { forwarder_id })
export const update = (by: User, forwarder_id: string, change: object) =>
  by.call(siem.rpc.updateSiemForwarder, { forwarder_id, ...change })
export const tryIt = (by: User, forwarder_id: string) => by.call(siem.rpc.testSiemForwarder, { forwarder_id })

export type Ocsf = { metadata: { uid: string; tenant_uid: string }; unmapped: { kind: string } } & Record<
  string,
  unknown
>

/** Of calls that were decided. What was done to the forwarders themselves comes too, some time in between. */
export const uidsOf = (events: Record<string, unknown>[]) =>
  (events as Ocsf[])
    .filter(({ unmapped }) => unmapped.kind === 'decision')
    .map(({ metadata }) => metadata.uid)

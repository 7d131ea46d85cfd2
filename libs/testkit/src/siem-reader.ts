// The holder of a SIEM credential, as far as a test plays it: by NATS alone, with the rights that the credential has.
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectNats, credsAuthenticator, nanos, type Msg, type NatsConnection } from 'nats'
import type { SiemConnection } from '@mcpshield/contracts/siem'

export type HeldCredential = { id: string; creds: string; connection: SiemConnection }

const WITHIN_MS = 20_000
const PAUSE_MS = 100

/** Connects once, to the server at `url`. */
export function connectSiemReader(
  { creds, connection: { inbox_prefix } }: HeldCredential,
  url: string,
): Promise<NatsConnection> {
  const authenticator = credsAuthenticator(new TextEncoder().encode(creds))
  return connectNats({ servers: url, authenticator, inboxPrefix: inbox_prefix, reconnect: false })
}

/** Acknowledges events until one has this id; answers the ids of all that it read. */
export async function readSiemUntil(
  connection: NatsConnection,
  credential: HeldCredential,
  wanted: string,
): Promise<string[]> {
  const ids: string[] = []
  const untilMs = performance.now() + WITHIN_MS
  while (!ids.includes(wanted)) {
    if (performance.now() > untilMs) throw new Error(`${wanted} did not come; ${ids.length} others did`)
    const message = await nextOf(connection, credential)
    if (message === undefined) continue
    ids.push(...message.json<{ id: string }[]>().map(({ id }) => id))
    await connection.request(message.reply ?? '', '+ACK')
  }
  return ids
}

/** Undefined when there is none for a moment, or nothing to read from yet. */
async function nextOf(
  connection: NatsConnection,
  { connection: { stream, durable } }: HeldCredential,
): Promise<Msg | undefined> {
  const asked = JSON.stringify({ batch: 1, expires: nanos(1_000) })
  // It comes by its own subject, so that only a subscription of its own finds it.
  const message = await connection
    .request(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`, asked, { timeout: 2_000, noMux: true })
    .catch(() => undefined)
  // A status has no body.
  if (message !== undefined && message.data.length > 0) return message
  await sleep(PAUSE_MS)
  return undefined
}

// Events to a webhook: OCSF by HTTPS POST, signed as Standard Webhooks says. Redirects are not followed.
import { createHash } from 'node:crypto'
import { Agent, request, type RequestOptions } from 'node:https'
import { isIP } from 'node:net'
import type { IncomingMessage } from 'node:http'
import { Webhook } from 'standardwebhooks'
import { ocsfPhase } from '@mcpshield/contracts/ocsf'
import { FeedError, networkError } from './feed-error.ts'
import { grouped, type Parcel } from './parcels.ts'
import { bare, lookupOf, type Reach } from './reach.ts'
import type { SealedSecrets, WebhookSettings } from './settings.ts'
import type { Target } from './target.ts'

export type WebhookDeps = { reach: Reach; now(): Date; timeoutMs?: number }

const TIMEOUT_MS = 15_000
const MAX_EVENTS = 500
const MAX_BODY_BYTES = 1024 * 1024
const MAX_ANSWER_BYTES = 64 * 1024
const MAX_HEADER_BYTES = 16 * 1024

export function webhookTarget(settings: WebhookSettings, secrets: SealedSecrets, deps: WebhookDeps): Target {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    minVersion: 'TLSv1.2',
    lookup: lookupOf(deps.reach),
    ...(settings.ca_certificate === null ? {} : { ca: settings.ca_certificate }),
  })
  const post = (events: string[], signal: AbortSignal) =>
    send({ settings, secrets, agent, deps, signal }, events)
  return {
    async deliver(parcels, signal) {
      for (const events of groupsOf(parcels)) await post(events, signal)
    },
    isOver: () => false,
    async [Symbol.asyncDispose]() {
      agent.destroy()
    },
  }
}

/** As JSON, in groups that are one request each. */
function groupsOf(parcels: readonly Parcel[]): string[][] {
  const texts = parcels.flatMap(({ events }) => events.map((event) => JSON.stringify(ocsfPhase(event))))
  return grouped(texts, { maxCount: MAX_EVENTS, maxBytes: MAX_BODY_BYTES, sizeOf: Buffer.byteLength })
}

type Sending = {
  settings: WebhookSettings
  secrets: SealedSecrets
  agent: Agent
  deps: WebhookDeps
  signal: AbortSignal
}

/** One request; in halves where it is more than the other side takes. */
async function send(sending: Sending, events: string[]): Promise<void> {
  try {
    await postOnce(sending, events)
  } catch (error) {
    if (!(error instanceof FeedError) || !error.isTooLarge || events.length === 1) throw error
    const half = Math.ceil(events.length / 2)
    await send(sending, events.slice(0, half))
    await send(sending, events.slice(half))
  }
}

async function postOnce(sending: Sending, events: string[]): Promise<void> {
  const { settings, deps, signal } = sending
  const url = new URL(settings.url)
  const body = settings.body === 'lines' ? `${events.join('\n')}\n` : `[${events.join(',')}]`
  const over = AbortSignal.any([signal, AbortSignal.timeout(deps.timeoutMs ?? TIMEOUT_MS)])
  try {
    // A socket asks nobody about a host that is an address.
    if (isIP(bare(url.hostname)) !== 0) await deps.reach(url.hostname)
    const answer = await exchange(url, optionsOf(sending, body, over), body)
    checkAnswer(answer, url)
  } catch (error) {
    throw networkError(error, url.host)
  }
}

function optionsOf(
  { settings, secrets, agent, deps }: Sending,
  body: string,
  signal: AbortSignal,
): RequestOptions {
  const id = `msg_${createHash('sha256').update(body).digest('hex').slice(0, 32)}`
  const at = deps.now()
  return {
    method: 'POST',
    agent,
    signal,
    maxHeaderSize: MAX_HEADER_BYTES,
    headers: {
      ...secrets.headers,
      'content-type': settings.body === 'lines' ? 'application/x-ndjson' : 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'user-agent': 'MCPShield',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(secrets.signing_secret).sign(id, at, body),
    },
  }
}

type Answer = { status: number }

async function exchange(url: URL, options: RequestOptions, body: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const sent = request(url, options, resolve).on('error', reject)
  sent.end(body)
  const message = await promise
  let bytes = 0
  // Read to its end, so that the connection can be used again; nothing in it matters.
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= MAX_ANSWER_BYTES) continue
    sent.destroy()
    break
  }
  return { status: message.statusCode ?? 0 }
}

function checkAnswer({ status }: Answer, { host }: URL): void {
  if (status >= 200 && status < 300) return
  if (status >= 300 && status < 400)
    throw new FeedError(`${host} answered ${status}: redirects are not followed. Name the address itself.`)
  if (status === 401 || status === 403)
    throw new FeedError(`${host} answered ${status}: it does not accept the headers that are set up.`)
  throw new FeedError(`${host} answered ${status}.`, { isTooLarge: status === 413 })
}

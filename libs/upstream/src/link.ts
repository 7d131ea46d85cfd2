// One live session with a server of the legacy era, whatever carries it: HTTP requests, an event stream or a process.
import {
  isObject,
  LEGACY_VERSIONS,
  type Message,
  type RpcAnswer,
  type RpcError,
} from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import { Refusal, unavailable } from './failures.ts'
import type { RequestOptions, ServerIdentity } from './upstream.ts'

export type Hello = { clientInfo: JsonObject; capabilities: JsonObject }

/** What happens in a session outside of its requests. */
export type LinkEvents = {
  onNotification(message: Message): void
  onRequest(message: Message, signal: AbortSignal): Promise<RpcAnswer>
  /** Something changed, whether told outside of requests or within one. */
  onChange(message: Message): void
  /** The session is over. `lost`: not by our own will. */
  onEnd(lost: boolean): void
  /** True while somebody waits for changes. */
  isListened(): boolean
}

export type Link = {
  server: ServerIdentity
  /** Throws SessionLost when the server does not know the session any longer. */
  request(method: string, params: JsonObject, options: RequestOptions): Promise<RpcAnswer>
  notify(method: string, params?: JsonObject): Promise<void>
  /** Throws an AppError when what carries the session may not be kept for listening alone: calls need room. */
  checkHold(): void
  /**
   * From now on what is told outside of requests is listened for, where that needs a stream of its own. Resolves once
   * it is open, or is known not to be.
   */
  follow(): Promise<void>
  close(): Promise<void>
}

/** Shakes hands. Throws a Refusal when the server is not of the legacy era. */
export type OpenLink = (hello: Hello, events: LinkEvents) => Promise<Link>

export function initializeParams({ clientInfo, capabilities }: Hello): JsonObject {
  return { protocolVersion: LEGACY_VERSIONS[0], capabilities, clientInfo }
}

/** Who answered `initialize`. Throws a Refusal when the answer is none of a server that we can speak with. */
export function initialized(
  slug: string,
  answer: RpcAnswer | undefined,
  status: number | null,
): ServerIdentity {
  if (answer === undefined) throw unanswered(slug, 'initialize', status)
  if ('error' in answer)
    throw refusal(slug, `refused to start: ${answer.error.message}`, status, answer.error)
  const { protocolVersion, capabilities, serverInfo, instructions } = answer.result
  if (!(LEGACY_VERSIONS as readonly unknown[]).includes(protocolVersion))
    throw refusal(slug, 'speaks a revision of the protocol that the gateway does not', status)
  return {
    protocolVersion: protocolVersion as string,
    capabilities: isObject(capabilities) ? capabilities : {},
    serverInfo: isObject(serverInfo) ? serverInfo : {},
    ...(typeof instructions === 'string' ? { instructions } : {}),
  }
}

/** Statuses that say nothing of what a server speaks: it wants a login, or is in a hurry. */
const NO_SIGN = new Set([401, 403, 407, 408, 425, 429])

/** A handshake that was answered by no message. */
export function unanswered(slug: string, method: string, status: number | null): Error {
  if (status !== null && NO_SIGN.has(status))
    return unavailable(slug, `answered ${method} with status ${status} and no MCP result`)
  return refusal(slug, `did not answer ${method}${status === null ? '' : ` (status ${status})`}`, status)
}

export function refusal(slug: string, what: string, status: number | null, error?: RpcError): Refusal {
  return new Refusal(`The upstream ${slug} ${what}`.replace(/\.?$/, '.'), status, error)
}

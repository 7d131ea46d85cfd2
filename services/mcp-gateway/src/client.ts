// A client of the gateway and one request of it, whatever its era: what the transport gives to those who answer.
import type { Era, Message, RpcAnswer } from '@mcpshield/mcp/messages'
import type { Request } from '@mcpshield/mcp/json-rpc'
import type { Credential } from '@mcpshield/pdp/snapshots'
import type { LiveSpan } from '@mcpshield/runtime/tracing'
import type { Away } from './metrics.ts'
import type { JsonObject } from '@mcpshield/policy/facts'

export type Client = {
  credential: Credential
  era: Era
  /** The revision this request is spoken in. */
  protocolVersion: string
  /** `clientInfo` and `capabilities`, of `initialize` or of the request itself. */
  info: JsonObject
  capabilities: JsonObject
  /** The client's own name, a claim. */
  agent: string | null
  /** Legacy era, after `initialize`. */
  session: Session | null
}

/** A legacy client's session. Its streams may be at another instance: what is told or asked finds its way. */
export type Session = {
  /** SHA-256 (hex) of the session id, which itself is told to nobody. */
  digest: string
  /** As `logging/setLevel` left it. */
  logLevel: string | null
  setLogLevel(level: string): Promise<void>
  /** Outside of any request: on the session's GET stream. Lost when the client has none open. */
  notify(message: Message): void
  /** Asks the client outside of any request; an error answer when it cannot be reached. */
  ask(message: Message, signal: AbortSignal): Promise<RpcAnswer>
  /** Runs once, when the session ends. */
  onEnd(run: () => void): void
  /** True while the client has a GET stream open, at whichever instance. */
  isFollowed(): boolean
  /** Runs each time the client opens a GET stream at this instance. */
  onFollow(run: () => void): void
}

/** One request. */
export type Exchange = {
  client: Client
  /** The upstream of `/mcp/{upstream}`, whose names stay unchanged on the wire; null at `/mcp`. */
  only: string | null
  request: Request
  requestId: string
  /** 32 hex digits of the trace that it is part of. */
  traceId: string | null
  /** Where it is traced. */
  span: LiveSpan | undefined
  /** Others took so long over it: that time is not ours. */
  took(at: Away, ms: number): void
  /** Aborted when the client went away or took the request back. */
  signal: AbortSignal
  /** Modern era: the Mcp-Param-* headers, names in lower case without the prefix, values decoded. */
  paramHeaders: Record<string, string>
  /** Opens the request's own stream. False when there can be none: the client takes none, or has too many open. */
  openStream(): boolean
  /** On the request's own stream, before its answer. */
  notify(message: Message): void
  /** Legacy era: asks the client while its request runs; an error answer when it cannot be asked. */
  ask(message: Message, signal: AbortSignal): Promise<RpcAnswer>
}

/** Does something that others take their time over. */
export async function elsewhere<T>(
  exchange: Pick<Exchange, 'took'>,
  at: Away,
  work: () => Promise<T>,
): Promise<T> {
  const startedMs = performance.now()
  try {
    return await work()
  } finally {
    exchange.took(at, performance.now() - startedMs)
  }
}

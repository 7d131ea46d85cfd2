// The connection to a real MCP server, whatever its transport and era.
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Era, Message, RpcAnswer } from '@mcpshield/mcp/messages'
import type { Reach } from './reach.ts'

/** The client that a conversation with a server is held for. */
export type Speaker = {
  /** Those with different ids never share a session, a process or an answer. */
  id: string
  /** Whose it is: all speakers of one credential share what one may have of an upstream. */
  subject: string
  /** What it speaks: spoken with the server too, where the server speaks both. */
  era: Era
  /** What it says of itself, and what it can do: `clientInfo` and `capabilities` of the protocol. */
  clientInfo: JsonObject
  capabilities: JsonObject
  /** What the server tells outside of any request. */
  onNotification(message: Message): void
  /** What the server asks outside of any request; answered with an error by a client that cannot be asked. */
  onRequest(message: Message, signal: AbortSignal): Promise<RpcAnswer>
}

export type RequestOptions = {
  timeoutMs: number
  /** Aborted when the answer is no longer wanted: the server is told in its era's way. */
  signal?: AbortSignal
  /** What the server tells while the request runs: progress, logs. */
  onNotification?(message: Message): void
  /** What a server of the legacy era asks while the request runs. */
  onRequest?(message: Message, signal: AbortSignal): Promise<RpcAnswer>
}

/** Who answered, as `initialize` or `server/discover` told. */
export type ServerIdentity = {
  protocolVersion: string
  capabilities: JsonObject
  serverInfo: JsonObject
  instructions?: string
}

export type Listening = {
  /** The part of the filter that the server honours. */
  honored: JsonObject
  /** Settles when the stream is over, whoever ended it. */
  ended: Promise<void>
}

/** A conversation of one speaker with one server. */
export type Peer = {
  era: Era
  server: ServerIdentity
  /**
   * Sends one request and waits for its answer. `params._meta` is passed on, but what the era itself keeps there is set
   * for the server's era. Throws an AppError when there is no answer.
   */
  request(method: string, params: JsonObject, options: RequestOptions): Promise<RpcAnswer>
  notify(method: string, params?: JsonObject): Promise<void>
  /** Legacy era: from now on also what the server tells outside of requests is listened for (the GET stream). */
  follow(): void
  /**
   * Change notifications by a filter as `subscriptions/listen` takes it. On a legacy server: its session's
   * notifications and resource subscriptions, counted.
   */
  listen(
    filter: JsonObject,
    options: { signal: AbortSignal; onNotification(message: Message): void },
  ): Promise<Listening>
}

export type Upstream = AsyncDisposable & {
  slug: string
  /** The speaker's conversation, opened when there is none. Throws an AppError when the server cannot be reached. */
  peer(speaker: Speaker): Promise<Peer>
  /** The speaker is gone: its session or process is closed. */
  leave(speakerId: string): void
}

/** Where the access token of an upstream behind OAuth comes from. */
export type TokenSource = {
  token(): Promise<string>
  /** Another token than the one that was refused with this WWW-Authenticate header (401, or 403 for want of scope). */
  renew(refused: string, challenge: string | undefined): Promise<string>
}

export type UpstreamSpec = { slug: string } & (
  | {
      transport: 'http' | 'sse'
      url: string
      headers: Record<string, string>
      tokens?: TokenSource
      /** What the operator lets be connected to; anything where it is absent. */
      reach?: Reach | undefined
    }
  | {
      transport: 'stdio'
      command: string
      args: string[]
      env: Record<string, string>
      /** PATH of the process. */
      path: string
    }
)

/** What the gateway says of itself where it asks for itself. */
export const CLIENT_INFO = { name: 'mcpshield', version: '0.1.0' }

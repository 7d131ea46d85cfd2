// What answers requests, put together from what it stands on.
import type { gatewayPeers } from '@mcpshield/contracts/mcp-gateway'
import { AppError } from '@mcpshield/contracts/errors'
import type { DecisionPoint } from '@mcpshield/pdp/decide-call'
import type { Snapshots } from '@mcpshield/pdp/snapshots'
import type { KeyedHash } from '@mcpshield/redact/marker'
import type { Log } from '@mcpshield/runtime/log'
import type { Message } from '@mcpshield/mcp/messages'
import { redactMessage, redactProse } from '@mcpshield/mcp/redact-answer'
import type { z } from 'zod'
import type { Client, Exchange } from './client.ts'
import { conversations } from './conversations.ts'
import type { EndpointDeps } from './endpoint.ts'
import type { HeldCallDeps } from './held-calls.ts'
import { legacyListening } from './legacy-listening.ts'
import { openCalls, type OpenCalls, type Step } from './open-calls.ts'
import type { Runtimes } from './runtimes.ts'
import { sealedStates } from './sealed-state.ts'

export type CoreDeps = {
  /** This instance's id, in states and between instances. */
  instance: string
  pdp: DecisionPoint
  snapshots: Pick<Snapshots, 'project' | 'credentialByDigest'>
  runtimes: Pick<Runtimes, 'of'>
  held: Omit<HeldCallDeps, 'approvesInClient'>
  /** Asks another instance to go on with a call that it holds open. */
  askToResume(instance: string, input: z.input<Resume['input']>): Promise<z.output<Resume['output']>>
  once(id: string, forMs: number): Promise<boolean>
  isValid(exchange: Exchange): boolean
  stateKey: Buffer
  upstreamTimeoutMs: number
  keyedHash: KeyedHash
  log: Log
}

type Resume = (typeof gatewayPeers)['ask']['resume']

export type Core = { endpoint: EndpointDeps; openCalls: OpenCalls }

const RESUME_TIMEOUT_MS = 10 * 60_000

export function gatewayCore(deps: CoreDeps): Core {
  const { pdp, snapshots, keyedHash, log, upstreamTimeoutMs } = deps
  const standing = (client: Client, message: Message) =>
    redactMessage(message, pdp.standing(client.credential), keyedHash)
  const standingProse = ({ client }: Exchange, entry: Parameters<typeof redactProse>[0]) =>
    redactProse(entry, pdp.standing(client.credential), keyedHash)
  const listening = legacyListening()
  const talk = conversations({
    standing,
    mayHear: ({ credential }, slug, message) => pdp.mayHear(credential, slug, message),
    listening,
  })
  const calls = openCalls({
    instance: deps.instance,
    async elsewhere({ instance, call }, owner, responses) {
      const input = { call, owner, responses, timeout_ms: RESUME_TIMEOUT_MS }
      const { known, next } = await deps.askToResume(instance, input).catch(notThere)
      return known ? (next as Step | undefined) : undefined
    },
  })
  const endpoint: EndpointDeps = {
    pdp,
    conversations: talk,
    openCalls: calls,
    listening,
    standing,
    held: {
      ...deps.held,
      approvesInClient: (projectId) => snapshots.project(projectId)?.snapshot.approve_in_client === true,
    },
    states: sealedStates(deps.stateKey),
    once: deps.once,
    upstreamTimeoutMs,
    keyedHash,
    log,
    runtimeOf: (projectId) => deps.runtimes.of(projectId),
    lists: {
      pdp,
      conversations: talk,
      standing: standingProse,
      redacted: ({ client }, value) => standing(client, { method: '', params: value }).params ?? {},
      upstreamTimeoutMs,
      log,
    },
    handshakes: { pdp, conversations: talk, standing: standingProse },
    subscriptions: {
      pdp,
      conversations: talk,
      standing: (exchange, message) => standing(exchange.client, message),
      isValid: deps.isValid,
      log,
    },
  }
  return { endpoint, openCalls: calls }
}

/** An instance that is gone has taken its open calls with it. */
function notThere(error: unknown): { known: false; next?: undefined } {
  if (error instanceof AppError && error.code === 'UNAVAILABLE') return { known: false }
  throw error
}

// What a legacy client sends that is no request: its answers to what it was asked, and its notifications.
import type { Peers } from '@mcpshield/bus/peers'
import { isId, type RequestId } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import type { Client } from './client.ts'
import { askingInstance } from './instance.ts'
import { asWithoutSession, type Questions } from './questions.ts'
import type { LiveSession } from './live-session.ts'

export type MessageDeps = {
  questions: Questions
  peers: Peers
  log: Log
  answerNotification(client: Client, only: string | null, method: string, params: JsonObject): Promise<void>
}

/** A client's answer to what it was asked, by whichever instance asked. One that nobody waits for is nobody's. */
export async function takeAnswer(
  { questions, peers, log }: Pick<MessageDeps, 'questions' | 'peers' | 'log'>,
  { credential, session }: Client,
  id: RequestId,
  answer: JsonObject,
): Promise<void> {
  const asking = askingInstance(id)
  if (asking === undefined) return
  const from = session?.digest ?? asWithoutSession(credential.subject)
  if (asking === peers.instance) return void questions.answer(from, String(id), answer)
  try {
    await peers.ask(asking, 'answer', { session: from, id: String(id), answer }, TELL_TIMEOUT_MS)
  } catch (error) {
    log.warn({ err: error }, 'a client’s answer was not passed on')
  }
}

const TELL_TIMEOUT_MS = 5_000

export async function takeNotification(
  { peers, log, answerNotification }: Pick<MessageDeps, 'peers' | 'log' | 'answerNotification'>,
  client: Client,
  live: LiveSession | null,
  { only, method, params }: { only: string | null; method: string; params: JsonObject },
): Promise<void> {
  try {
    if (method === 'notifications/cancelled') return cancel(peers, live, params)
    await answerNotification(client, only, method, params)
  } catch (error) {
    log.warn({ err: error, method }, 'notification of a client')
  }
}

/** Ends a request of the same session, wherever it runs. Without a session, its connection is what ends it. */
function cancel(peers: Peers, live: LiveSession | null, { requestId: id, reason }: JsonObject): void {
  if (live === null || !isId(id)) return
  const abort = live.running.get(id)
  if (abort !== undefined) return abort()
  const why = typeof reason === 'string' ? { reason: reason.slice(0, MAX_REASON_UNITS) } : {}
  peers.tell('cancel', { session: live.digest, id, ...why })
}

const MAX_REASON_UNITS = 200

// Clients for tests, and conversations of theirs.
import { pino } from 'pino'
import type { Era, Message, RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import { connectUpstream } from '../src/connect.ts'
import type { Peer, Speaker, Upstream, UpstreamSpec } from '../src/upstream.ts'

export type TestSpeaker = Speaker & { told: Message[]; asked: Message[] }

let count = 0

export function speakerOf(
  era: Era,
  options: { id?: string; subject?: string; answer?: () => RpcAnswer } = {},
): TestSpeaker {
  const speaker: TestSpeaker = {
    id: options.id ?? `speaker-${++count}`,
    subject: options.subject ?? `subject-${count}`,
    era,
    clientInfo: { name: 'tester', version: '1' },
    capabilities: { elicitation: {} },
    told: [],
    asked: [],
    onNotification: (message) => void speaker.told.push(message),
    onRequest(message) {
      speaker.asked.push(message)
      return Promise.resolve(options.answer?.() ?? { result: { action: 'accept' } })
    },
  }
  return speaker
}

export const silent = pino({ level: 'silent' })

export function connect(url: string, more: Partial<UpstreamSpec> = {}): Upstream {
  const spec = { slug: 'up', transport: 'http', url, headers: { 'x-secret': 's' }, ...more } as UpstreamSpec
  return connectUpstream(spec, silent)
}

export const within = { timeoutMs: 5_000 }

export function call(peer: Peer, name = 'x', args: JsonObject = {}, options: Partial<typeof within> = {}) {
  return peer.request('tools/call', { name, arguments: args }, { ...within, ...options })
}

// An agent: a client of the MCP gateway, by hand.
import { setTimeout } from 'node:timers/promises'
import { world } from './browser.ts'

const KNOWN_AFTER_TRIES = 20
const AGAIN_AFTER_MS = 100

export type Agent = { request(method: string, params?: object): Promise<Answer> }
export type Answer = { status: number; result?: Record<string, unknown>; error?: { message: string } }

/** Shakes hands with the gateway as the client of that name. Its requests say what status they had. */
export async function newAgent(apiKey: string, name = 'test-agent'): Promise<Agent> {
  let session: string | undefined
  let id = 0
  const send = async (message: object) => {
    const response = await fetch(`${world().mcp}/mcp`, {
      method: 'POST',
      headers: {
        'x-api-key': apiKey,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(session === undefined ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    })
    session ??= response.headers.get('mcp-session-id') ?? undefined
    return { status: response.status, text: await response.text() }
  }
  const request = async (method: string, params: object = {}): Promise<Answer> => {
    id += 1
    const { status, text } = await send({ id, method, params })
    return { status, ...(messageOf(text, id) as Omit<Answer, 'status'>) }
  }
  const clientInfo = { name, version: '1' }
  const hello = () => request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
  // A new key is known everywhere within a second; one that is none stays unknown.
  for (let tries = 0; (await hello()).status === 401 && tries < KNOWN_AFTER_TRIES; tries++)
    await setTimeout(AGAIN_AFTER_MS)
  await send({ method: 'notifications/initialized' })
  return { request }
}

/** The answer as JSON, or in a stream the event that is the answer. */
function messageOf(text: string, id: number): object {
  const texts = text.startsWith('{')
    ? [text]
    : [...text.matchAll(/^data: ?(.+)$/gm)].map(([, data = '']) => data)
  const messages = texts.map((each) => JSON.parse(each) as { id?: number })
  return messages.find((each) => each.id === id) ?? messages[0] ?? {}
}

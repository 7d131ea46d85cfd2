// A client of the 2.x SDK for either era, over either transport, that answers whatever it is asked.
import { join } from 'node:path'
import { Client, fromJsonSchema, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { Era } from './fixture/tool.ts'

/** The schema of results that are to be seen as they came. */
export const anything = fromJsonSchema<Record<string, unknown>>({ type: 'object' })

/** Where the server is: at a URL, or a process of the fixture with these arguments. */
export type Place = { url: string; headers?: Record<string, string> } | { stdio: string[] }

export async function connectClient(place: Place, era: Era): Promise<Client> {
  const client = new Client(
    { name: 'fixture-client', version: '1.0.0' },
    {
      versionNegotiation: { mode: era === 'legacy' ? 'legacy' : { pin: '2026-07-28' } },
      capabilities: { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} },
    },
  )
  client.setRequestHandler('elicitation/create', ({ params }) =>
    params.mode === 'url'
      ? { action: 'accept' }
      : { action: 'accept', content: { name: 'Ada', color: 'green', ok: true, confirm: true } },
  )
  client.setRequestHandler('sampling/createMessage', () => ({
    role: 'assistant',
    content: { type: 'text', text: 'Good day' },
    model: 'none',
  }))
  client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///home/ada', name: 'home' }] }))
  await client.connect(transportTo(place))
  return client
}

function transportTo(place: Place) {
  if ('stdio' in place) {
    const args = [join(import.meta.dirname, 'fixture-stdio.ts'), ...place.stdio]
    return new StdioClientTransport({ command: process.execPath, args })
  }
  return new StreamableHTTPClientTransport(new URL(place.url), {
    requestInit: { headers: place.headers ?? {} },
  })
}

// What one upstream may put into every client's list is bounded, whatever it answers.
import { expect, test } from 'vitest'
import type { JsonObject } from '@mcpshield/policy/facts'
import { listUpstreamTools } from '../src/list-tools.ts'
import type { Peer } from '../src/upstream.ts'

function peerOf(page: (number: number) => JsonObject): Peer & { pages: number } {
  const peer = {
    era: 'legacy' as const,
    server: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} },
    pages: 0,
    request: () => Promise.resolve({ result: page(++peer.pages) }),
    notify: () => Promise.resolve(),
    follow: () => undefined,
    listen: () => Promise.reject(new Error('not listened to')),
  }
  return peer
}

test('a list without end is cut at a thousand tools', async () => {
  const endless = peerOf((number) => ({
    tools: Array.from({ length: 300 }, (_, index) => ({ name: `t${number}_${index}` })),
    nextCursor: 'more',
  }))
  expect(await listUpstreamTools(endless, 1_000)).toHaveLength(1_000)
  expect(endless.pages).toBe(4)
})

test('a definition that is too large, too deep or no definition is left out, and the others stay', async () => {
  const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as JsonObject
  const mixed = peerOf(() => ({
    tools: [
      { name: 'good', description: 'x'.repeat(10_000) },
      { name: 'huge', description: 'x'.repeat(100_000) },
      { name: 'deep', inputSchema: deep },
      { name: 7 },
      null,
      'text',
    ],
  }))
  expect((await listUpstreamTools(mixed, 1_000)).map((tool) => tool.name)).toEqual(['good'])
})

import { describe, expect, test } from 'vitest'
import { readMessage, type Incoming } from '@mcpshield/mcp/json-rpc'
import { META } from '@mcpshield/mcp/messages'
import { agentOf, negotiated, spokenIn } from '../src/protocol.ts'

const request = (meta?: object) =>
  readMessage(
    JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: meta && { _meta: meta } }),
  )
const modern = (version: unknown = '2026-07-28') => ({
  [META.protocolVersion]: version,
  [META.clientCapabilities]: { elicitation: {} },
  [META.clientInfo]: { name: 'claude', version: '1' },
})
const said = (header: string | undefined, incoming: Incoming) => {
  const spoken = spokenIn(header, incoming)
  return spoken.era === 'refused' ? spoken.error.code : `${spoken.era} ${spoken.version}`
}

describe('the era of a request', () => {
  test('is modern where header and body name that revision', () => {
    expect(spokenIn('2026-07-28', request(modern()))).toEqual({
      era: 'modern',
      version: '2026-07-28',
      info: { name: 'claude', version: '1' },
      capabilities: { elicitation: {} },
    })
  })

  test.for(['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'])(
    'is legacy with the header %s',
    (version) => {
      expect(said(version, request())).toBe(`legacy ${version}`)
    },
  )

  test('is legacy where nothing names a revision', () => {
    expect(said(undefined, request())).toBe('legacy null')
    expect(said(undefined, request({ progressToken: 1 }))).toBe('legacy null')
  })

  test('is neither where header and body do not agree', () => {
    expect(said(undefined, request(modern()))).toBe(-32020)
    expect(said('2025-11-25', request(modern()))).toBe(-32020)
    expect(said('2026-07-28', request(modern('2025-11-25')))).toBe(-32020)
    expect(said('2026-07-28', request(modern(20260728)))).toBe(-32020)
    expect(said('2026-07-28 ', request(modern()))).toBe(-32020)
  })

  test('is neither where they name one that is not spoken here; what is, is told', () => {
    expect(spokenIn('1999-01-01', request(modern('1999-01-01')))).toMatchObject({
      error: {
        code: -32022,
        data: { supported: expect.arrayContaining(['2026-07-28', '2025-11-25']), requested: '1999-01-01' },
      },
    })
    expect(said('1999-01-01', request())).toBe(-32022)
    expect(said('', request())).toBe(-32022)
    // Revisions with a handshake do not carry themselves in each request.
    expect(said('2025-11-25', request(modern('2025-11-25')))).toBe(-32022)
  })

  test('with the modern header needs what that revision demands', () => {
    expect(said('2026-07-28', request())).toBe(-32602)
    expect(said('2026-07-28', request({}))).toBe(-32602)
    expect(said('2026-07-28', request({ ...modern(), [META.clientCapabilities]: undefined }))).toBe(-32602)
    expect(said('2026-07-28', request({ ...modern(), [META.clientCapabilities]: [] }))).toBe(-32602)
    expect(said('2026-07-28', request({ ...modern(), [META.clientInfo]: 'claude' }))).toBe(-32602)
    expect(said('2026-07-28', request({ ...modern(), [META.clientInfo]: undefined }))).toBe(
      'modern 2026-07-28',
    )
  })

  test('of a notification or an answer is told by the header', () => {
    const notification = readMessage('{"jsonrpc":"2.0","method":"notifications/x"}')
    const answer = readMessage('{"jsonrpc":"2.0","id":1,"result":{}}')
    for (const each of [notification, answer]) {
      expect(said('2026-07-28', each)).toBe('modern 2026-07-28')
      expect(said('2025-11-25', each)).toBe('legacy 2025-11-25')
      expect(said('1999-01-01', each)).toBe(-32022)
    }
  })
})

test('initialize gets the revision it asks for, where that begins with initialize; else the newest such', () => {
  expect(negotiated('2025-06-18')).toBe('2025-06-18')
  expect(negotiated('2024-11-05')).toBe('2024-11-05')
  for (const asked of ['2026-07-28', '1999-01-01', 1, null, undefined])
    expect(negotiated(asked)).toBe('2025-11-25')
})

test('a client’s name is a text of its own, and not longer than a name', () => {
  expect(agentOf({ name: 'claude' })).toBe('claude')
  expect(agentOf({ name: { toString: 'x' } })).toBeNull()
  expect(agentOf({})).toBeNull()
  expect(agentOf({ name: 'x'.repeat(1_000) })).toHaveLength(100)
})

// What the record keeps of a call: its facts and arguments, without secrets and bounded.
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Facts, JsonObject } from '@mcpshield/policy/facts'
import { decisionEvent, hmacSha256 } from '../src/record.ts'

const SECRET = 'AKIAZ7QH3M5KX2LDP4WN'
const MAX_TEXT_UNITS = 8_192

function recorded(facts: Partial<Facts>, args: JsonObject = {}) {
  return decisionEvent(
    {
      id: randomUUID(),
      time: new Date(),
      credential: {
        key_id: randomUUID(),
        project_id: randomUUID(),
        org_id: randomUUID(),
        name: 'agent',
        labels: [],
        upstreams: null,
        expires_at: null,
        subject: 'agent',
      },
      project: undefined,
      method: 'tools/call',
      tool: 'a/b',
      arguments: args,
      facts: {
        method: 'tools/call',
        tool: 'a/b',
        arguments: args,
        paths: [],
        urls: [],
        accesses: [],
        ...facts,
      },
      decision: { decision: 'allow', rule: 'r', reason: 'It is allowed.' },
      agent: null,
      requestId: null,
      approvedBy: null,
    },
    hmacSha256('01'.repeat(32)),
  )
}

test('a call that touches nothing is recorded as touching nothing', () => {
  expect(recorded({}).facts).toEqual({ paths: [], urls: [], accesses: [] })
  expect(recorded({ guessed: true }).facts).toEqual({ paths: [], urls: [], accesses: [], guessed: true })
})

test.for<[string, Partial<Facts>]>([
  ['path', { paths: [`/home/${SECRET}/notes`] }],
  [
    'URL',
    {
      urls: [{ href: `https://example.com/?key=${SECRET}`, scheme: 'https', host: 'example.com', port: 443 }],
    },
  ],
  [
    'access',
    { accesses: [{ connection: 'main', operation: 'read', resource: SECRET, fields: [], functions: [] }] },
  ],
])('a secret in a %s is not in the record, and what is beside it is', ([, facts]) => {
  const json = JSON.stringify(recorded(facts).facts)
  expect(json).not.toContain(SECRET)
  expect(json).toMatch(/\/home\/|example\.com|main/)
})

test('a text over the limit is clipped wherever it lies, and one within it is kept whole', () => {
  const [kept, over] = ['w '.repeat(MAX_TEXT_UNITS / 2), 'w '.repeat(MAX_TEXT_UNITS / 2 + 1)]
  const clipped = `${over.slice(0, MAX_TEXT_UNITS)}… [${over.length} characters]`
  expect(recorded({}, { rows: [{ kept }, { over }] }).arguments).toEqual({
    rows: [{ kept }, { over: clipped }],
  })
  expect(recorded({ paths: [kept, over] }).facts).toMatchObject({ paths: [kept, clipped] })
})

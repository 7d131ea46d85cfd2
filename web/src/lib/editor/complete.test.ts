import { expect, test } from 'vitest'
import { complete } from './complete.ts'

const names = { tools: ['postgres.query', 'github/get_issue'], connections: ['shop'] }

/** The labels proposed at `|`. */
function at(marked: string, kind: 'project' | 'organization' = 'project'): string[] {
  const place = marked.indexOf('|')
  const text = marked.replace('|', '')
  return (complete({ text, at: place, kind, names })?.proposals ?? []).map(({ label }) => label)
}

test('keys are those of their place that are not there yet', () => {
  expect(at('|')).toEqual(expect.arrayContaining(['version', 'default', 'rules']))
  expect(at('version: 1\nde|\nrules: []\n')).toEqual(['default', 'facts', 'tests'])
  const keys = at('version: 1\nrules:\n  - id: a\n    |\n    tool: x\n')
  expect(keys).toContain('decision')
  expect(keys).not.toContain('tool')
  expect(at('rules:\n  - id: a\n    conditions:\n      |\n')).toContain('path_prefix')
  expect(at('rules:\n  - id: a\n    conditions: { op| }\n')).toContain('operations')
  expect(at('rules:\n  - id: a\n    limits: { rate_limit: { | } }\n')).toEqual(['calls', 'per', 'by'])
})

test('values are those the engine takes there', () => {
  expect(at('rules:\n  - decision: |\n')).toEqual(['allow', 'deny', 'ask'])
  expect(at('rules:\n  - conditions: { operations: [read, |] }\n')).toEqual(
    expect.arrayContaining(['read', 'write', 'schema', 'admin']),
  )
  expect(at('rules:\n  - redact: [|]\n')).toEqual(expect.arrayContaining(['email', 'iban']))
  expect(at('rules:\n  - redact:\n      - |\n')).toEqual(expect.arrayContaining(['email', 'fields']))
  expect(at('rules:\n  - tool: "|"\n')).toEqual(expect.arrayContaining(['postgres.query', 'github/*']))
  expect(at('rules:\n  - conditions: { connection: | }\n')).toContain('shop')
  expect(at('rules:\n  - conditions: { time: { timezone: | } }\n')).toContain('Europe/Berlin')
  expect(at('default: |\n')).toEqual(['deny', 'allow'])
})

test('an organisation is offered no rule that allows', () => {
  expect(at('rules:\n  - decision: |\n', 'organization')).toEqual(['deny', 'ask'])
  expect(at('rules:\n  - |\n', 'organization')).not.toContain('Read some tables')
  expect(at('rules:\n  - |\n')).toContain('Read some tables')
})

test('in a comment nothing is offered', () => {
  expect(at('rules: # d|\n')).toEqual([])
})

import { expect, test } from 'vitest'
import { argumentsIn, NO_ACCESS, saidFacts, unknownFacts } from './touched.ts'

const call = (tool: string) => ({ tool, method: 'tools/call', arguments: {} })

test('what is not said of a tool is unknown, of every kind that it may touch', () => {
  expect(unknownFacts(call('postgres.query'))).toMatchObject({
    paths: [],
    urls: [],
    accesses: { unknown: expect.any(String) },
  })
  expect(unknownFacts(call('server/tool'))).toMatchObject({
    paths: { unknown: expect.any(String) },
    urls: { unknown: expect.any(String) },
    accesses: { unknown: expect.any(String) },
  })
})

test('what is said becomes facts, and what cannot be one is unknown', () => {
  const facts = saidFacts(call('x/y'), {
    paths: '/srv/a\nb\n',
    urls: 'https://a.example:8443/x\nhttps://u:p@a.example/\nnonsense',
    accesses: [
      { ...NO_ACCESS, resource: 'public.orders', fields: 'id, total', functions: 'COUNT' },
      NO_ACCESS,
    ],
  })
  expect(facts.paths).toEqual(['/srv/a', { unknown: expect.any(String) }])
  expect(facts.urls).toEqual([
    { href: 'https://a.example:8443/x', scheme: 'https', host: 'a.example', port: 8443 },
    { unknown: expect.any(String) },
    { unknown: expect.any(String) },
  ])
  expect(facts.accesses).toMatchObject([
    { operation: 'read', resource: 'public.orders', fields: ['id', 'total'], functions: ['count'] },
    { resource: { unknown: expect.any(String) }, fields: [] },
  ])
})

test('arguments are a JSON object', () => {
  expect(argumentsIn('')).toEqual({ value: {} })
  expect(argumentsIn('{"a":1}')).toEqual({ value: { a: 1 } })
  expect(argumentsIn('[1]')).toHaveProperty('problem')
  expect(argumentsIn('{')).toHaveProperty('problem')
})

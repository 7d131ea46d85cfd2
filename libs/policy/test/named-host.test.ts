import { expect, test } from 'vitest'
import { namesHost } from '../src/named-host.ts'
import type { Policy } from '../src/schema.ts'

const policy: Policy = {
  version: 1,
  rules: [
    {
      id: 'named',
      tool: 'network.request',
      decision: 'allow',
      conditions: { allowed_domains: ['127.0.0.1:8080'] },
    },
    { id: 'any', tool: 'network.request', decision: 'allow', conditions: { allowed_domains: ['*'] } },
    { id: 'not', tool: 'network.request', decision: 'allow', conditions: { blocked_domains: ['127.0.0.1'] } },
    { id: 'deny', tool: 'network.request', decision: 'deny', conditions: { blocked_domains: ['127.0.0.1'] } },
  ],
}
const url = { href: 'http://127.0.0.1:8080/', scheme: 'http', host: '127.0.0.1', port: 8080 }

test('only an allow rule that lists the host itself names it', () => {
  expect(namesHost(policy, 'named', url)).toBe(true)
  expect(namesHost(policy, 'named', { ...url, port: 80 })).toBe(false)
  expect(namesHost(policy, 'named', { ...url, host: '127.0.0.2' })).toBe(false)
  for (const id of ['any', 'not', 'deny', 'default']) expect(namesHost(policy, id, url), id).toBe(false)
})

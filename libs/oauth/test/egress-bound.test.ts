// What an operator lets be connected to.
import { describe, expect, test } from 'vitest'
import { egressBound, isEgress } from '../src/egress-bound.ts'
import { egressFetch } from '../src/egress.ts'

const isOpen = (text: string, host: string, ...addresses: string[]) =>
  egressBound(text)?.(host, addresses.length === 0 ? [host] : addresses) === undefined

describe('public', () => {
  test('lets the internet be connected to', () => {
    expect(isOpen('public', '1.1.1.1')).toBe(true)
    expect(isOpen('public', 'mcp.example.com', '1.1.1.1', '2606:4700::1111')).toBe(true)
  })

  test.for([
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    'fd00:ec2::254',
    'fc00::1',
    'fe80::1',
    'fe80::1%eth0',
    '0.0.0.0',
    '::',
    '224.0.0.1',
  ])('does not let %s, by itself, behind a name, or beside a public address', (address) => {
    expect(isOpen('public', address)).toBe(false)
    expect(isOpen('public', 'trap.example', address)).toBe(false)
    expect(isOpen('public', 'trap.example', '1.1.1.1', address)).toBe(false)
  })

  test('lets nothing that has no address, or what is none', () => {
    expect(egressBound('public')?.('trap.example', [])).toContain('UPSTREAM_EGRESS')
    expect(isOpen('public', 'trap.example', 'no address')).toBe(false)
  })
})

describe('a list', () => {
  test('lets the hosts of a glob be connected to, and no host besides', () => {
    expect(isOpen('*.corp.example', 'mcp.corp.example', '10.1.2.3')).toBe(true)
    expect(isOpen('*.corp.example', 'MCP.Corp.Example.', '1.1.1.1')).toBe(true)
    expect(isOpen('*.corp.example', 'corp.example', '1.1.1.1')).toBe(false)
    expect(isOpen('*.corp.example', 'evilcorp.example', '1.1.1.1')).toBe(false)
    expect(isOpen('*.corp.example', 'mcp.corp.example.evil.com', '1.1.1.1')).toBe(false)
    expect(isOpen('a.corp.example', 'axcorp.example', '1.1.1.1')).toBe(false)
  })

  test('lets no metadata service because of the name that leads to it, but as the address it is', () => {
    expect(isOpen('*.corp.example', 'mcp.corp.example', '169.254.169.254')).toBe(false)
    expect(isOpen('169.254.169.254', '169.254.169.254')).toBe(true)
  })

  test('lets the addresses of a CIDR be connected to, whatever name leads there, and none beside it', () => {
    expect(isOpen('10.1.0.0/16', '10.1.2.3')).toBe(true)
    expect(isOpen('10.1.0.0/16', 'db.internal', '10.1.2.3')).toBe(true)
    expect(isOpen('10.1.0.0/16', '::ffff:10.1.2.3')).toBe(true)
    expect(isOpen('10.1.0.0/16', '10.2.0.1')).toBe(false)
    expect(isOpen('10.1.0.0/16', 'db.internal', '10.1.2.3', '10.2.0.1')).toBe(false)
    expect(isOpen('fd12::/16', 'fd12::1')).toBe(true)
    expect(isOpen('fd12::/16', 'fd13::1')).toBe(false)
  })

  test('may have public in it', () => {
    expect(isOpen('public, 10.1.2.3', '1.1.1.1')).toBe(true)
    expect(isOpen('public, 10.1.2.3', '10.1.2.3')).toBe(true)
    expect(isOpen('public, 10.1.2.3', '10.1.2.4')).toBe(false)
  })
})

test('any bounds nothing', () => {
  expect(egressBound('any')).toBeUndefined()
})

test.for([
  '',
  'any,public',
  'public,',
  '10.0.0.0/33',
  '10.0.0.0/x',
  '10.0.0.0/8/8',
  '*',
  '*.*.com',
  'a b',
  '10.1',
  'http://a',
])('%j is refused, so that no mistake opens everything', (text) => {
  expect(isEgress(text)).toBe(false)
  expect(() => egressBound(text)).toThrow(/./)
})

test('what an authorisation server names is bounded too, though its upstream is in the same network', async () => {
  const own = 'http://10.1.2.3/mcp'
  const bound = egressBound('10.1.2.3')
  const lookup = () => Promise.reject(new Error('nothing is looked up'))
  await expect(
    egressFetch({ own, bound, lookup })('http://10.1.2.4/.well-known/oauth-authorization-server'),
  ).rejects.toMatchObject({ kind: 'forbidden', message: expect.stringContaining('UPSTREAM_EGRESS') })
})

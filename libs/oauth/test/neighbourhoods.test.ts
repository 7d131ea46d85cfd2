import { describe, expect, test } from 'vitest'
import { namesLoopback, neighbourhoodOf } from '../src/neighbourhoods.ts'

describe('an address', () => {
  test.for([
    ['public', '1.1.1.1 8.8.8.8 172.15.255.255 172.32.0.1 192.167.1.1 100.63.0.1 11.0.0.1 223.255.255.255'],
    ['public', '2606:4700:4700::1111 2a00::1 64:ff9b::101:101 ::ffff:1.1.1.1 ::ffff:101:101'],
    ['loopback', '127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 64:ff9b::7f00:1'],
    ['private', '10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 fd12::1 fc00::1 ::ffff:10.0.0.1'],
    ['private', '64:ff9b::a00:1 64:ff9b::10.0.0.1'],
    ['closed', '169.254.169.254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe fe80::1 fe80::1%eth0'],
    // Metadata services of clouds, in ranges that would be private or public.
    ['closed', '100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254 fd20:ce::254'],
    [
      'closed',
      '0.0.0.0 0.1.2.3 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255',
    ],
    [
      'closed',
      ':: ::7f00:1 ::ffff:0:7f00:1 64:ff9b:1::1 2001::1 2001:db8::1 2002:7f00:1:: 3fff::1 ff02::1 4000::1',
    ],
    ['closed', 'localhost 127.1 0x7f.0.0.1 1.1.1 1.1.1.1.1 1.1.1.1/8'],
    ['closed', ''],
  ] as const)('is %s: %s', ([neighbourhood, addresses]) => {
    for (const address of addresses.split(' '))
      expect([address, neighbourhoodOf(address)]).toEqual([address, neighbourhood])
  })
})

describe('this machine', () => {
  test.for([
    'http://localhost',
    'http://localhost./',
    'http://a.localhost:1',
    'http://127.9.9.9',
    'http://[::1]',
    'http://0x7f.1',
  ])('is named by %s', (url) => expect(namesLoopback(new URL(url))).toBe(true))
  test.for([
    'http://127.0.0.1.example.com',
    'http://127.example.com',
    'http://localhost.example.com',
    'http://notlocalhost',
    'http://10.0.0.1',
  ])('is not named by %s', (url) => expect(namesLoopback(new URL(url))).toBe(false))
})

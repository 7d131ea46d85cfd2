import { expect, test } from 'vitest'
import { neededPackages } from './debian-package.ts'

const record = `Package: redis-tools
Depends: adduser, libatomic1 (>= 4.8), libc6 (>= 2.34), libjemalloc2:any (>= 5), libsystemd0 | libelogind0 (>= 1), redis-sentinel
Suggests: ruby-redis
Description: Persistent key-value database
`

test('libraries and sister packages that are not installed are needed, programs of the system are not', () => {
  expect(neededPackages(record, new Set(['libc6']))).toEqual([
    'libatomic1',
    'libjemalloc2',
    'libsystemd0',
    'redis-sentinel',
  ])
})

test('of alternatives none is needed where one is installed', () => {
  expect(
    neededPackages(record, new Set(['libc6', 'libatomic1', 'libjemalloc2', 'libelogind0', 'redis-sentinel'])),
  ).toEqual([])
})

test('a package that depends on nothing needs nothing', () => {
  expect(neededPackages('Package: nats-server\nDescription: x\n', new Set())).toEqual([])
})

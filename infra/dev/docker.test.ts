import { expect, test } from 'vitest'
import { dockerArgs } from './docker.ts'

const use = { args: ['/data/redis/redis.conf'], port: 16379, folder: '/data/redis' }

test('a container is published on the loopback address only, runs as this user and is gone when it ends', () => {
  const args = dockerArgs('a-name', 'redis-server', use)
  expect(args).toEqual(
    expect.arrayContaining([
      '--rm',
      '--publish',
      '127.0.0.1:16379:16379',
      '--user',
      `${process.getuid!()}:${process.getgid!()}`,
    ]),
  )
  expect(args.filter((arg) => arg === '--publish')).toHaveLength(1)
})

test('its folder has the same path inside, so that one configuration serves both', () => {
  const args = dockerArgs('a-name', 'redis-server', use)
  expect(args).toContain('/data/redis:/data/redis')
  expect(args.slice(args.indexOf('redis:7-alpine'))).toEqual([
    'redis:7-alpine',
    '/data/redis/redis.conf',
    '--bind',
    '0.0.0.0',
  ])
})

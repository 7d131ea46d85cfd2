// Which programs projects may start.
import { describe, expect, test } from 'vitest'
import { refusedUpstream } from '@mcpshield/upstream/connect'
import { CLIENT_INFO } from '@mcpshield/upstream/upstream'
import { commandBound, isCommands } from '../src/upstream-commands.ts'

const isStarted = (text: string, command: string, env: Record<string, string> = {}) =>
  commandBound(text)?.({ command, env }) === undefined

describe('commands of upstreams', () => {
  test('are all started by any, none by none', () => {
    expect(isStarted('any', 'npx', { PATH: '/tmp' })).toBe(true)
    expect(isStarted('none', 'npx')).toBe(false)
    expect(commandBound('none')?.({ command: 'npx', env: {} })).toContain('(UPSTREAM_COMMANDS)')
  })

  test('of a list are started as they are written there, and not by another path', () => {
    const list = 'mcp-server-time, /opt/tools/search'
    expect(isStarted(list, 'mcp-server-time')).toBe(true)
    expect(isStarted(list, '/opt/tools/search')).toBe(true)
    for (const other of [
      '/tmp/mcp-server-time',
      './mcp-server-time',
      'search',
      '/opt/tools/../tools/search',
      '',
    ])
      expect(isStarted(list, other), other).toBe(false)
  })

  test.for(['PATH', 'LD_PRELOAD', 'ld_preload', 'NODE_OPTIONS', 'DYLD_INSERT_LIBRARIES', 'PYTHONPATH'])(
    'are not made others by %s',
    (name) => {
      expect(isStarted('tool', 'tool', { [name]: 'x' })).toBe(false)
      expect(isStarted('tool', 'tool', { API_KEY: 'x', [`MY_${name}`]: 'y' })).toBe(true)
    },
  )

  test.for(['', ',', 'any,npx', 'none,npx', 'bin/tool', './tool'])('%j is no list of them', (text) => {
    expect(isCommands(text)).toBe(false)
  })
})

test('a refused upstream says why to whoever would speak with it', async () => {
  const speaker = {
    id: 'one',
    subject: 'one',
    era: 'modern',
    clientInfo: CLIENT_INFO,
    capabilities: {},
    onNotification: () => undefined,
    onRequest: () => Promise.reject(new Error('not asked')),
  } as const
  const reason = commandBound('none')?.({ command: 'true', env: {} }) ?? ''
  await expect(refusedUpstream('up', reason).peer(speaker)).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    message: reason,
  })
})

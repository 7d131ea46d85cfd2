import { expect, test } from 'vitest'
import { serverKind } from './server-kind.ts'

test.for([
  ['npx', ['-y', '@modelcontextprotocol/server-filesystem', '/data', '/other'], 'server-filesystem', '/data'],
  ['npx', ['@modelcontextprotocol/server-filesystem@2026.8.31', '/data'], 'server-filesystem', '/data'],
  [
    '/usr/bin/node',
    ['/app/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js', '/srv/files'],
    'server-filesystem',
    '/srv/files',
  ],
  ['npx', ['-y', '@modelcontextprotocol/server-filesystem', 'relative'], 'server-filesystem', null],
  ['npx', ['-y', '@modelcontextprotocol/server-filesystem'], 'server-filesystem', null],
  ['uvx', ['mcp-server-git', '--repository', '/repo'], 'server-git', null],
  ['npx', ['@playwright/mcp@latest'], 'playwright', null],
  // The nearest that must not be taken for one.
  ['npx', ['my-server-filesystem', '/data'], null, null],
  ['npx', ['@evil/server-filesystem-plus', '/data'], null, null],
  ['node', ['server.js', '/data'], null, null],
  [null, [], null, null],
] as const)('%s %s is %s with root %s', ([command, args, server, root]) => {
  expect(serverKind(command, args)).toEqual({ server, root })
})

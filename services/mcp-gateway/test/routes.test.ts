import { describe, expect, test } from 'vitest'
import { routeOf } from '../src/routes.ts'

const project = '019a0000-0000-7000-8000-00000000000a'

describe('paths', () => {
  test.for([
    ['/mcp', { kind: 'mcp', project: null, only: null }],
    ['/mcp?x=1', { kind: 'mcp', project: null, only: null }],
    ['/mcp/github-2', { kind: 'mcp', project: null, only: 'github-2' }],
    [`/p/${project}/mcp`, { kind: 'mcp', project, only: null }],
    [`/p/${project}/mcp/github`, { kind: 'mcp', project, only: 'github' }],
    [`/.well-known/oauth-protected-resource/p/${project}/mcp`, { kind: 'resource', project, only: null }],
    [
      `/.well-known/oauth-protected-resource/p/${project}/mcp/github`,
      { kind: 'resource', project, only: 'github' },
    ],
    ['/health', { kind: 'health' }],
  ] as const)('%s is answered', ([path, route]) => {
    expect(routeOf(path)).toEqual(route)
  })

  test.for([
    '/',
    '/MCP',
    '/mcp/',
    '/mcp/github/',
    '/mcp/GitHub',
    '/mcp/git%68ub',
    '/mcp/a/b',
    '/mcp/..',
    '//mcp',
    '/p/mcp',
    `/p/${project.toUpperCase()}/mcp`,
    '/p/1/mcp',
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-protected-resource/mcp',
    'http://localhost:8100/mcp',
    '*',
    '',
  ])('%s is nothing', (path) => {
    expect(routeOf(path)).toBeUndefined()
  })
})

import { expect, test } from 'vitest'
import { shownArgs, shownUrl } from './shown.ts'

test('a URL is shown without what opens it', () => {
  expect(shownUrl('https://user:hunter2@mcp.example.com/mcp?key=abc123&mode=x#frag')).not.toMatch(
    /user|hunter2|abc123|frag/,
  )
  expect(shownUrl('https://mcp.example.com/mcp')).toBe('https://mcp.example.com/mcp')
  expect(shownUrl('https://mcp.example.com/api/mcp/s/Zm9vYmFyMTIzNDU2Nzg5MGFiY2Rl/mcp')).toBe(
    'https://mcp.example.com/api/mcp/s/***/mcp',
  )
  expect(shownUrl('https://mcp.example.com/%ff?a=%ff')).toBe('https://mcp.example.com/%ff?a=***')
  expect(shownUrl(null)).toBe(null)
})

test('arguments are shown without their secrets', () => {
  const args = [
    ...['--token', 'topsecret1', '--api-key=topsecret2', 'postgres://u:topsecret3@db.internal/shop'],
    ...['--root', '/srv/files', '-y', '@modelcontextprotocol/server-filesystem'],
  ]
  const shown = shownArgs(args)
  expect(shown.join(' ')).not.toMatch(/topsecret/)
  expect(shown.slice(4)).toEqual(args.slice(4))
  expect(shown[0]).toBe('--token')
})

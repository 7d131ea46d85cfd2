import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { CLIENTS, clientById } from './clients.ts'
import { PLACEHOLDER_KEY, quoted, type Client } from './client.ts'

const endpoint = { url: 'https://mcp.example.com/mcp', key: 'mcps_k3y' }
const codeOf = (client: Client, of = endpoint) =>
  [client.command?.(of), ...client.files(of)].flatMap((each) => (each === undefined ? [] : [each.code]))

describe('every client', () => {
  test.for(CLIENTS.map((client) => [client.id, client] as const))(
    '%s is told the address of the gateway',
    ([, client]) => {
      for (const code of codeOf(client)) expect(code).toContain(endpoint.url)
    },
  )

  test.for(CLIENTS.map((client) => [client.id, client] as const))(
    '%s is told the key, in its own snippet or by a variable beside it',
    ([, client]) => {
      const all = codeOf(client)
      expect(all.some((code) => /X-API-Key|bearer/i.test(code))).toBe(true)
      expect(codeOf(client, { ...endpoint, key: PLACEHOLDER_KEY }).join('\n')).not.toContain(endpoint.key)
    },
  )

  test('has an address of its own', () => {
    expect(new Set(CLIENTS.map(({ id }) => id)).size).toBe(CLIENTS.length)
  })
})

test.for(CLIENTS.map((client) => [client.id, client] as const))(
  'the JSON of %s can be read',
  ([, client]) => {
    for (const { place, code } of client.files(endpoint))
      if (/json/.test(place)) expect(() => JSON.parse(code) as unknown).not.toThrow()
  },
)

test('the YAML of Goose can be read, and its address is a text', () => {
  const [file] = clientById('goose').files({ ...endpoint, key: 'a: b # c' })
  expect(parse(file?.code ?? '')).toMatchObject({
    extensions: { mcpshield: { uri: endpoint.url, headers: { 'X-API-Key': 'a: b # c' } } },
  })
})

test('a file that is meant to be committed has no key in it', () => {
  for (const client of CLIENTS)
    for (const { place, code } of client.files(endpoint))
      if (/^\.(mcp|cursor|vscode)/.test(place)) expect(code).not.toContain(endpoint.key)
})

test('a text is one word of a shell, whatever it holds', () => {
  expect(quoted('https://a/b')).toBe('https://a/b')
  expect(quoted("it's $HOME `x`")).toBe(String.raw`'it'\''s $HOME ` + "`x`'")
})

test('plain http to another machine is asked for by name, and not to this one', () => {
  const code = (url: string) => clientById('claude-desktop').files({ ...endpoint, url })[0]?.code
  expect(code('http://gateway.internal/mcp')).toContain('--allow-http')
  expect(code('http://localhost:8100/mcp')).not.toContain('--allow-http')
  expect(code('https://gateway.internal/mcp')).not.toContain('--allow-http')
})

test('an unknown client is the first', () => {
  expect(clientById('nothing')).toBe(CLIENTS[0])
  expect(clientById(null)).toBe(CLIENTS[0])
})

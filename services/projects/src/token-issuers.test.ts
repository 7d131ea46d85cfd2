import { expect, test } from 'vitest'
import { checkedIssuer } from './token-issuers.ts'

test.for([
  ['https://id.example.com'],
  ['https://id.example.com/realms/a/'],
  ['http://localhost:8080/realms/a'],
  ['http://127.0.0.1:9000'],
  ['http://[::1]:9000'],
])('%s may be an issuer', ([issuer = '']) => {
  expect(checkedIssuer({ issuer })).toEqual({ issuer })
})

test.for([
  ['http://id.example.com', 'https:'],
  ['http://localhost.example.com', 'https:'],
  ['http://127.0.0.1.example.com', 'https:'],
  ['http://10.0.0.1', 'https:'],
  ['https://user:word@id.example.com', 'password'],
  ['https://id.example.com/?a=b', 'query'],
  ['https://id.example.com/#a', 'fragment'],
])('%s may not: %s', ([issuer = '', why = '']) => {
  const errors = [{ path: 'token_issuer.issuer', message: expect.stringContaining(why) as string }]
  expect(() => checkedIssuer({ issuer })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { errors } }) as Error,
  )
})

test('its keys come over TLS too, from an address with a query if need be', () => {
  const issuer = 'https://id.example.com'
  const jwks_url = 'https://id.example.com/keys?version=1'
  expect(checkedIssuer({ issuer, jwks_url })).toEqual({ issuer, jwks_url })
  expect(() => checkedIssuer({ issuer, jwks_url: 'http://id.example.com/keys' })).toThrow('not valid')
  expect(checkedIssuer(null)).toBe(null)
})

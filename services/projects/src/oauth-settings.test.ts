// A client registered by hand, and whom its secret may be told after a change of the upstream.
import { expect, test } from 'vitest'
import type { Registration, Tokens } from '@mcpshield/oauth/authorization'
import { stillBound, type OAuthSettings } from './oauth-settings.ts'

const settings: OAuthSettings = {
  grant: 'client_credentials',
  client_id: 'c',
  client_secret: 's',
  scope: 'read',
}
const issuer = 'https://as.example'
const client: Registration = { issuer, client_id: 'c', client_secret: 's', by: 'given' }
const tokens: Tokens = { issuer, access_token: 't', issued_at_ms: 0 }
const authorization = { client, tokens, requested_scope: 'read' }

test('a client that its authorisation server has taken stays bound to it, and nothing else is kept', () => {
  expect(stillBound({ settings, authorization }, { ...settings, scope: 'write' })).toEqual({ client })
})

test('another client, one that was never taken, and one that was not registered by hand are bound to nobody', () => {
  for (const changed of [{ client_id: 'd' }, { client_secret: 'other' }])
    expect(stillBound({ settings, authorization }, { ...settings, ...changed })).toEqual({})
  expect(stillBound({ settings, authorization: { client } }, settings)).toEqual({})
  const registered = { client: { ...client, by: 'registration' as const }, tokens }
  expect(stillBound({ settings, authorization: registered }, settings)).toEqual({})
  expect(stillBound(null, settings)).toEqual({})
})

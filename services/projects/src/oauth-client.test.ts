import { describe, expect, test } from 'vitest'
import { egressBound } from '@mcpshield/oauth/egress-bound'
import { OAuthFailure } from '@mcpshield/oauth/failures'
import { clientMetadataDocument } from '@mcpshield/oauth/registration'
import { asAppError, clientConfig, clientMetadataUrl, redirectUri } from './oauth-client.ts'

const settings = { grant: 'authorization_code' as const, client_id: null, client_secret: null, scope: null }
const now = () => new Date()

describe('our client metadata document', () => {
  test('is named to authorisation servers where they can read it, and nowhere else', () => {
    const configOf = (apiUrl: string) =>
      clientConfig({ apiUrl, now }, 'https://mcp.example.com', settings, 1_000)
    expect(configOf('https://api.example.com').clientMetadataUrl).toBe(
      'https://api.example.com/oauth/client-metadata',
    )
    expect(configOf('http://localhost:8000')).not.toHaveProperty('clientMetadataUrl')
  })

  test('says of itself where it is, and where people come back to', () => {
    const deps = { apiUrl: 'https://api.example.com' }
    const url = clientMetadataUrl(deps) ?? ''
    expect(
      clientMetadataDocument({
        clientMetadataUrl: url,
        clientName: 'MCPShield',
        redirectUri: redirectUri(deps),
      }),
    ).toMatchObject({
      client_id: 'https://api.example.com/oauth/client-metadata',
      redirect_uris: ['https://api.example.com/oauth/callback'],
      token_endpoint_auth_method: 'none',
    })
  })
})

test('authorisation servers are asked only within the operator’s bound', async () => {
  const within = (bound: string) =>
    clientConfig(
      { apiUrl: 'http://localhost:8000', now, bound: egressBound(bound) },
      'http://127.0.0.1:1/mcp',
      settings,
      5_000,
    ).fetch('http://127.0.0.1:1/.well-known/oauth-authorization-server')
  await expect(within('public')).rejects.toMatchObject({ kind: 'forbidden' })
  await expect(within('127.0.0.1')).rejects.toMatchObject({ kind: 'unreachable' })
})

test('what may pass is told to be tried again, what does not is told what to do about it; a bug stays one', () => {
  const told = (kind: 'unreachable' | 'refused', lasting: 'INVALID_ARGUMENT' | 'EXPIRED') =>
    asAppError(new OAuthFailure(kind, 'It did not work.'), lasting)
  expect(told('unreachable', 'EXPIRED')).toMatchObject({ code: 'UNAVAILABLE', message: 'It did not work.' })
  expect(told('refused', 'INVALID_ARGUMENT')).toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(told('refused', 'EXPIRED')).toMatchObject({
    code: 'EXPIRED',
    message: 'It did not work. When that is mended, authorise the upstream again.',
  })
  const bug = new TypeError('x')
  expect(asAppError(bug, 'EXPIRED')).toBe(bug)
})

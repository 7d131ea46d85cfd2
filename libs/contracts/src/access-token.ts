// What an access token is: signed by auth, checked by the gateways, and by nothing but these values.
import { z } from 'zod'
import { Id } from './values.ts'

export const ACCESS_TOKEN = {
  algorithm: 'EdDSA',
  /** The header's `typ` (RFC 9068): an access token is never taken for another kind of token. */
  type: 'at+jwt',
  issuer: 'urn:mcpshield:auth',
  audience: 'urn:mcpshield:api',
} as const

export const AccessClaims = z.object({
  /** The person. */
  sub: Id,
  /** The session, which may be over before the token is. */
  sid: Id,
})

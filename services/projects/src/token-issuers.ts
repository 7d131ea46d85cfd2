// Whose bearer tokens a project takes. Its keys decide who gets in: they come over TLS, but from this machine.
import { AppError, type FieldError } from '@mcpshield/contracts/errors'
import type { TokenIssuer } from '@mcpshield/contracts/projects'

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** The issuer as it is kept; throws INVALID_ARGUMENT, field by field, for one that could be spoofed on the way. */
export function checkedIssuer(given: TokenIssuer | null): TokenIssuer | null {
  if (given === null) return null
  const errors: FieldError[] = []
  for (const field of ['issuer', 'jwks_url'] as const) {
    const problem = problemOf(field, given[field])
    if (problem !== undefined) errors.push({ path: `token_issuer.${field}`, message: problem })
  }
  if (errors.length > 0) throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors })
  return given
}

function problemOf(field: 'issuer' | 'jwks_url', text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = new URL(text)
  if (url.protocol !== 'https:' && !LOOPBACK.test(url.hostname))
    return 'must be https:, but for an address of this machine'
  if (url.username !== '' || url.password !== '') return 'must not have a user or a password'
  if (text.includes('#')) return 'must not have a fragment'
  // RFC 8414, section 2.
  if (field === 'issuer' && text.includes('?')) return 'must not have a query'
  return undefined
}

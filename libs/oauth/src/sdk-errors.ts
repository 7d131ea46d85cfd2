// Errors of the SDK and of what it reads, as failures of ours.
import {
  InsecureTokenEndpointError,
  IssuerMismatchError,
  OAuthError,
  RegistrationRejectedError,
} from '@modelcontextprotocol/client'
import { OAuthFailure, plain } from './failures.ts'

/** Codes by which a server says that it is not itself at the moment. */
const PASSING = new Set(['server_error', 'temporarily_unavailable'])

/** Whatever was thrown while `doing` something, as a failure. No text of another server gets in but codes and plain words. */
export function asFailure(error: unknown, doing: string): OAuthFailure {
  if (error instanceof OAuthFailure) return error
  if (error instanceof OAuthError) return ofServer(error, doing)
  if (error instanceof IssuerMismatchError)
    return refused(doing, 'the issuer that answered is not the one that was asked', error)
  if (error instanceof InsecureTokenEndpointError)
    return refused(doing, 'its token endpoint is not https', error)
  if (error instanceof RegistrationRejectedError)
    return error.status >= 500
      ? unreachable(doing, `status ${error.status}`, error)
      : refused(doing, `it registers no client like ours (${errorCodeOf(error.body)})`, error)
  const { name } = error as { name?: unknown }
  if (name === 'ZodError' || name === 'SyntaxError' || name === '$ZodError')
    return refused(doing, 'its answer is not what the standard says', error)
  return unreachable(doing, 'the connection failed', error)
}

function ofServer(error: OAuthError, doing: string): OAuthFailure {
  const code = plain(error.code)
  if (PASSING.has(code)) return unreachable(doing, code, error)
  const words = plain(error.message)
  return refused(doing, words === '' || words === code ? code : `${code}: ${words}`, error)
}

function errorCodeOf(body: string): string {
  try {
    return plain((JSON.parse(body) as { error?: unknown } | null)?.error) || 'no reason given'
  } catch {
    return 'no reason given'
  }
}

function refused(doing: string, why: string, cause: unknown): OAuthFailure {
  return new OAuthFailure('refused', `${doing} did not work: ${why}.`, cause)
}

function unreachable(doing: string, why: string, cause: unknown): OAuthFailure {
  return new OAuthFailure('unreachable', `${doing} did not work for now: ${why}.`, cause)
}

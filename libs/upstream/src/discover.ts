// Who a modern server is, as `server/discover` tells.
import {
  HEADER_MISMATCH,
  isObject,
  META,
  metaOf,
  MISSING_CAPABILITY,
  MODERN_VERSION,
  UNSUPPORTED_VERSION,
  type RpcAnswer,
  type RpcError,
} from '@mcpshield/mcp/messages'
import { unavailable } from './failures.ts'
import { refusal, unanswered } from './link.ts'
import type { ServerIdentity } from './upstream.ts'

/** Who answered. Throws a Refusal when the server is not of the modern era, an AppError when it is but does not answer. */
export function discovered(
  slug: string,
  answer: RpcAnswer | undefined,
  status: number | null,
): ServerIdentity {
  if (answer === undefined) throw unanswered(slug, 'server/discover', status)
  if ('error' in answer) throw failed(slug, answer.error, status)
  const { supportedVersions, capabilities, serverInfo, instructions } = answer.result
  if (!Array.isArray(supportedVersions) || !supportedVersions.includes(MODERN_VERSION))
    throw refusal(slug, 'does not speak the modern revision', status)
  const info = serverInfo ?? metaOf(answer.result)[META.serverInfo]
  return {
    protocolVersion: MODERN_VERSION,
    capabilities: isObject(capabilities) ? capabilities : {},
    serverInfo: isObject(info) ? info : {},
    ...(typeof instructions === 'string' ? { instructions } : {}),
  }
}

/** An error that only the modern era knows tells of a modern server: it is not spoken to as to a legacy one. */
function failed(slug: string, error: RpcError, status: number | null): Error {
  const isModern = error.code === HEADER_MISMATCH || error.code === MISSING_CAPABILITY
  const what = `refused server/discover: ${error.message}`
  return isModern ? unavailable(slug, what.replace(/\.$/, '')) : refusal(slug, what, status, error)
}

/** True when a server that refuses a version names ours among those that it knows: the request may be sent once more. */
export function offersOurVersion(answer: RpcAnswer | undefined): boolean {
  if (answer === undefined || !('error' in answer) || answer.error.code !== UNSUPPORTED_VERSION) return false
  const data: unknown = answer.error.data
  const supported = isObject(data) ? data['supported'] : undefined
  return Array.isArray(supported) && supported.includes(MODERN_VERSION)
}

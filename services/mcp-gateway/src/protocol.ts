// Which revision a message is spoken in, decided once, by its header and its body together: what only one of the two
// says is of neither era.
import {
  HEADER_MISMATCH,
  INVALID_PARAMS,
  isObject,
  LEGACY_VERSIONS,
  META,
  MODERN_VERSION,
  UNSUPPORTED_VERSION,
  type RpcError,
} from '@mcpshield/mcp/messages'
import type { Incoming } from '@mcpshield/mcp/json-rpc'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'

/** Newest first. */
export const SUPPORTED_VERSIONS: readonly string[] = [MODERN_VERSION, ...LEGACY_VERSIONS]

/** What a client that names no revision is taken to speak. */
export const UNNAMED_VERSION = '2025-03-26'

export type Spoken =
  /** `version` is null where the header names none. */
  | { era: 'legacy'; version: string | null }
  | { era: 'modern'; version: string; info: JsonObject; capabilities: JsonObject }
  | { era: 'refused'; error: RpcError }

/** `header` is MCP-Protocol-Version. */
export function spokenIn(header: string | undefined, incoming: Incoming): Spoken {
  const meta = metaIn(incoming)
  const named = meta?.[META.protocolVersion]
  if (named === undefined) return namedByHeader(header, incoming)
  if (header === undefined) return mismatch('The header MCP-Protocol-Version is missing.')
  if (header !== named)
    return mismatch('The header MCP-Protocol-Version and the body name different versions.')
  // A revision that begins with `initialize` knows nothing of a version in each request.
  if (named !== MODERN_VERSION) return unsupported(header)
  return modern(meta ?? {}, incoming)
}

function namedByHeader(header: string | undefined, incoming: Incoming): Spoken {
  if (header === undefined) return { era: 'legacy', version: null }
  if (isLegacyVersion(header)) return { era: 'legacy', version: header }
  if (header !== MODERN_VERSION) return unsupported(header)
  // This revision defines what requests carry; notifications carry what they like.
  if (incoming.kind !== 'request') return { era: 'modern', version: header, info: {}, capabilities: {} }
  return invalid(`The request has no ${META.protocolVersion} in its _meta.`)
}

function modern(meta: JsonObject, incoming: Incoming): Spoken {
  const capabilities = meta[META.clientCapabilities]
  const info = meta[META.clientInfo] ?? {}
  if (incoming.kind === 'request' && !isObject(capabilities))
    return invalid(`The request has no ${META.clientCapabilities} in its _meta.`)
  if (!isObject(info)) return invalid(`${META.clientInfo} in _meta must be an object.`)
  return {
    era: 'modern',
    version: MODERN_VERSION,
    info,
    capabilities: isObject(capabilities) ? capabilities : {},
  }
}

/** `_meta` of a request or notification; undefined when it has none. */
function metaIn(incoming: Incoming): JsonObject | undefined {
  const params =
    incoming.kind === 'request'
      ? incoming.request.params
      : incoming.kind === 'notification'
        ? incoming.params
        : undefined
  const meta = params?.['_meta']
  return isObject(meta) ? meta : undefined
}

export function isLegacyVersion(version: JsonValue | undefined): version is string {
  return (LEGACY_VERSIONS as readonly unknown[]).includes(version)
}

/** The client's revision when it is one of those that begin with `initialize`, else the newest of them. */
export function negotiated(asked: JsonValue | undefined): string {
  return isLegacyVersion(asked) ? asked : LEGACY_VERSIONS[0]
}

const refused = (error: RpcError): Spoken => ({ era: 'refused', error })
const mismatch = (message: string) => refused({ code: HEADER_MISMATCH, message })
const invalid = (message: string) => refused({ code: INVALID_PARAMS, message })

const unsupported = (requested: string) => refused(unsupportedVersion(requested))

export function unsupportedVersion(requested: string): RpcError {
  const data = { supported: [...SUPPORTED_VERSIONS], requested }
  return { code: UNSUPPORTED_VERSION, message: 'This protocol version is not supported.', data }
}

const MAX_AGENT_UNITS = 100

/** The name that a client gives itself. */
export function agentOf(info: JsonObject): string | null {
  const { name } = info
  return typeof name === 'string' ? name.slice(0, MAX_AGENT_UNITS) : null
}

// The stateful protocol era (revisions up to 2025-11-25): what the gateway answers by itself.
import type { JsonObject } from '@mcpshield/policy/facts'
import { isObject, type Incoming } from './json-rpc.ts'

/** Newest first. */
export const PROTOCOL_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'] as const

export const UNSUPPORTED_VERSION = -32022

const SERVER_INFO = { name: 'mcpshield', title: 'MCPShield', version: '0.1.0' }

export function isSupportedVersion(version: string): boolean {
  return (PROTOCOL_VERSIONS as readonly string[]).includes(version)
}

/** The revision that a message of the stateless era names in its body; a message of this era names none. */
export function statelessVersion(incoming: Incoming): string | undefined {
  const meta = incoming.kind === 'request' ? incoming.request.params._meta : undefined
  const version = isObject(meta) ? meta['io.modelcontextprotocol/protocolVersion'] : undefined
  return version === undefined ? undefined : JSON.stringify(version)
}

/** The client's version when we speak it, else our newest. */
export function initializeResult(params: JsonObject): JsonObject {
  const asked = params.protocolVersion
  const version = typeof asked === 'string' && isSupportedVersion(asked) ? asked : PROTOCOL_VERSIONS[0]
  return {
    protocolVersion: version,
    capabilities: { tools: {} },
    serverInfo: SERVER_INFO,
    instructions:
      'Calls are decided by the project’s policy. A denied call says which rule denied it and why.',
  }
}

/** The name that the client gives itself in `initialize`. */
export function clientName(params: JsonObject): string | null {
  const info = params.clientInfo
  const name = typeof info === 'object' && info !== null && !Array.isArray(info) ? info.name : undefined
  return typeof name === 'string' ? name : null
}

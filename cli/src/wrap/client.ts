// The client as it presents itself: once for all in `initialize`, or in every request of the modern era.
import type { Request } from '@mcpshield/mcp/json-rpc'
import { isObject, META, metaOf, type Era } from '@mcpshield/mcp/messages'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'

export type Client = {
  era: Era
  /** Its own name, a claim. */
  agent: string | null
  capabilities: JsonObject
}

export type ClientMemory = {
  /** Whose request this is; one to `initialize` is remembered. */
  of(request: Request): Client
}

export function clientMemory(): ClientMemory {
  let introduced: Client = { era: 'legacy', agent: null, capabilities: {} }
  return {
    of({ method, params }) {
      const meta = metaOf(params)
      if (meta[META.protocolVersion] !== undefined)
        return clientOf('modern', meta[META.clientInfo], meta[META.clientCapabilities])
      if (method === 'initialize')
        introduced = clientOf('legacy', params['clientInfo'], params['capabilities'])
      return introduced
    },
  }
}

function clientOf(era: Era, info: JsonValue | undefined, capabilities: JsonValue | undefined): Client {
  const name = isObject(info) ? info['name'] : undefined
  return {
    era,
    agent: typeof name === 'string' ? name : null,
    capabilities: isObject(capabilities) ? capabilities : {},
  }
}

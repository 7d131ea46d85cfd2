// Which scopes are asked for: no more than the server names, never less than were asked for before.
import { computeScopeUnion } from '@modelcontextprotocol/client'
import type { ClientConfig, ProtectedBy } from './authorization.ts'
import type { Challenge } from './challenge.ts'

export function scopeToAsk(
  config: ClientConfig,
  server: ProtectedBy,
  { scope: challenged }: Challenge,
  before: string | undefined,
): string | undefined {
  if (isFixed(config)) return config.scope
  const first = config.scope ?? (challenged === undefined ? server.scopes_supported?.join(' ') : undefined)
  const scope = computeScopeUnion(before ?? first, challenged)
  if (scope === undefined || config.grant === 'client_credentials') return scope
  // Some servers give a token to renew with only to whom asks for it.
  const offline = server.metadata.scopes_supported?.includes('offline_access') === true
  return offline ? computeScopeUnion(scope, 'offline_access') : scope
}

/** Whether everything that `challenged` names was asked for already. */
export function isCovered(challenged: string | undefined, before: string | undefined): boolean {
  const asked = new Set((before ?? '').split(/\s+/))
  return (challenged ?? '').split(/\s+/).every((each) => each === '' || asked.has(each))
}

/** Nobody is asked before a client that acts for itself gets more: where its scope was named, that is all of it. */
export function isFixed({ grant, scope }: ClientConfig): boolean {
  return grant === 'client_credentials' && scope !== undefined
}

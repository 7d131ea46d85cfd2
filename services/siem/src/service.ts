// Every endpoint of the contract, noun by noun.
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import type { siem } from '@mcpshield/contracts/siem'
import { healthOf, type Checks } from '@mcpshield/runtime/health'
import { credentialHandlers, type CredentialDeps } from './credentials.ts'
import { forwarderHandlers, type ForwarderDeps } from './forwarders.ts'

export type SiemDeps = CredentialDeps &
  ForwarderDeps & {
    /** Each rejects when it does not answer. */
    checks: Checks
  }

export function siemService(deps: SiemDeps): Handlers<typeof siem.rpc, Call> {
  return {
    ...credentialHandlers(deps),
    ...forwarderHandlers(deps),
    checkHealth: () => healthOf(deps.checks),
  }
}

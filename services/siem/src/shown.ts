// Feeds as they are shown: without secrets.
import { siemConnection } from '@mcpshield/bus/siem-accounts'
import type { SiemCredential, SiemDestination, SiemForwarder } from '@mcpshield/contracts/siem'
import type { FeedRow } from './entities.ts'
import type { Settings } from './settings.ts'

export type ShownWith = {
  isEnterprise: boolean
  now: Date
  /** Messages of its durable consumer; undefined when it is not known. */
  pending: number | undefined
}

const text = (time: Date | null | undefined) => time?.toISOString() ?? null

export function shownCredential(row: FeedRow, url: string, known: ShownWith): SiemCredential {
  const { id, name, org_id } = row
  const state = stateOfCredential(row, known)
  const { pending } = known
  return {
    id,
    name,
    state,
    connection: siemConnection(url, org_id, id),
    created_by: row.created_by ?? null,
    created_at: row.created_at.toISOString(),
    expires_at: text(row.expires_at),
    last_read_at: text(row.last_read_at),
    pending: row.revoked_at != null || pending === undefined ? null : pending + (row.unread ?? 0),
    last_error: errorOf(row),
    revoked_at: state === 'expired' ? null : text(row.revoked_at),
  }
}

function stateOfCredential(row: FeedRow, { isEnterprise, now }: ShownWith): SiemCredential['state'] {
  const { expires_at, revoked_at, account_state } = row
  // One that expired is ended at its expiry, to the moment.
  if (expires_at != null && (revoked_at ?? now) >= expires_at) return 'expired'
  if (revoked_at != null)
    return account_state === 'revoked' || account_state === 'closed' ? 'revoked' : 'revoking'
  return isEnterprise ? 'active' : 'resting'
}

export function shownForwarder(row: FeedRow, { isEnterprise, pending }: ShownWith): SiemForwarder {
  const { id, name, enabled } = row
  return {
    id,
    name,
    destination: shownDestination(row.settings),
    enabled,
    state: stateOfForwarder(row, isEnterprise),
    last_success_at: text(row.last_success_at),
    last_error: errorOf(row),
    pending: pending ?? null,
    created_by: row.created_by ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}

function stateOfForwarder(row: FeedRow, isEnterprise: boolean): SiemForwarder['state'] {
  if (!row.enabled) return 'paused'
  if (!isEnterprise) return 'resting'
  return row.last_error == null ? 'running' : 'failing'
}

function shownDestination(settings: Settings): SiemDestination {
  if (settings.kind === 'credential') throw new Error('a credential has no destination')
  return settings
}

function errorOf({ last_error, last_error_at }: FeedRow): { at: string; message: string } | null {
  return last_error == null || last_error_at == null
    ? null
    : { at: last_error_at.toISOString(), message: last_error }
}

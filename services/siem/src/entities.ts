// The tables of the siem schema.
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { DbOptions } from '@mcpshield/db/connect'
import { OutboxRow } from '@mcpshield/db/outbox'
import { migrations } from './migrations/index.ts'
import type { AccountState, Settings } from './settings.ts'

/**
 * What carries an organisation's events to one place: a forwarder to somebody else's server, or a credential, whose
 * place is a NATS account of its own.
 */
export const FeedRow = defineEntity({
  name: 'FeedRow',
  tableName: 'feeds',
  properties: {
    /** Also the name of its durable consumer. */
    id: p.uuid().primary(),
    org_id: p.uuid().index('feeds_org_id_index'),
    kind: p.string().length(16).$type<'credential' | 'webhook' | 'syslog'>(),
    name: p.string().length(100),
    settings: p.json<Settings>(),
    /** Secrets of a forwarder (SealedSecrets), sealed for this row. */
    sealed: p.text().nullable(),
    enabled: p.boolean(),
    created_by: p.uuid().nullable(),
    created_at: p.datetime(),
    updated_at: p.datetime(),
    expires_at: p.datetime().nullable(),
    /** Of a credential: when it was handed out. One that was not within a minute is taken back. */
    opened_at: p.datetime().nullable(),
    revoked_at: p.datetime().nullable(),
    /** Of a credential: what the NATS servers were last told of its account. */
    account_state: p.string().length(16).$type<AccountState>().nullable(),
    /** Grows with every change of how it works. */
    revision: p.integer(),
    /** The instance that runs it, and until when it may without saying so again. */
    runner: p.uuid().nullable(),
    lease_until: p.datetime().nullable(),
    last_success_at: p.datetime().nullable(),
    last_error: p.text().nullable(),
    last_error_at: p.datetime().nullable(),
    /** Of a credential: what its reader last acknowledged, and how much it has not. */
    last_read_at: p.datetime().nullable(),
    unread: p.integer().nullable(),
  },
})
export type FeedRow = InferEntity<typeof FeedRow>

/** How the service's schema is reached and what is in it. */
export function database(url: string): DbOptions {
  return { url, schema: 'siem', entities: [FeedRow, OutboxRow], migrations }
}

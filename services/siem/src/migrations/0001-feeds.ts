import { Migration } from '@mikro-orm/migrations'
import { OUTBOX_SQL } from '@mcpshield/db/outbox'
import { tenantTableSql } from '@mcpshield/db/tenancy'

export class Feeds extends Migration {
  override up(): void {
    this.addSql(OUTBOX_SQL)
    this.addSql(`create table feeds (
      id uuid primary key,
      org_id uuid not null,
      kind varchar(16) not null,
      name varchar(100) not null,
      settings jsonb not null,
      sealed text null,
      enabled boolean not null,
      created_by uuid null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      expires_at timestamptz null,
      opened_at timestamptz null,
      revoked_at timestamptz null,
      account_state varchar(16) null,
      revision int not null,
      runner uuid null,
      lease_until timestamptz null,
      last_success_at timestamptz null,
      last_error text null,
      last_error_at timestamptz null,
      last_read_at timestamptz null,
      unread int null
    )`)
    this.addSql('create index feeds_org_id_index on feeds (org_id)')
    for (const sql of tenantTableSql('feeds')) this.addSql(sql)
  }
}

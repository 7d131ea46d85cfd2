import { Migration } from '@mikro-orm/migrations'
import { tenantTableSql } from '@mcpshield/db/tenancy'

/** Mails to people who have not asked for them are counted. */
export class InvitationMails extends Migration {
  override up(): void {
    this.addSql(`create table invitation_mails (
      id uuid primary key,
      org_id uuid not null references organizations (id) on delete cascade,
      recipient varchar(64) not null,
      sent_at timestamptz not null
    )`)
    this.addSql('create index invitation_mails_org_id_index on invitation_mails (org_id)')
    for (const sql of tenantTableSql('invitation_mails')) this.addSql(sql)
  }
}

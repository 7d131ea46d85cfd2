import { Migration } from '@mikro-orm/migrations'
import { SEE_ALL_ROWS_SQL, tenantTableSql } from '@mcpshield/db/tenancy'

/** A person may be a member of several organisations, works in one of them, and gets into others by invitation. */
export class PeopleAndInvitations extends Migration {
  override up(): void {
    this.addSql(SEE_ALL_ROWS_SQL)
    this.addSql('alter table organizations alter column owner_user_id drop not null')
    this.addSql('alter table members drop constraint members_pkey, add primary key (user_id, org_id)')
    // Whoever is a member so far is one of a single organisation.
    this.addSql('alter table members add column current boolean not null default true')
    this.addSql('alter table members alter column current drop default')
    this.addSql(`create table people (
      user_id uuid primary key,
      email text null,
      first_name text null,
      last_name text null,
      deleted_at timestamptz null
    )`)
    this.addSql(`create table invitations (
      id uuid primary key,
      org_id uuid not null references organizations (id) on delete cascade,
      email varchar(254) not null,
      role varchar(16) not null,
      token_digest varchar(64) not null constraint invitations_token_digest_unique unique,
      invited_by uuid null,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      constraint invitations_org_id_email_unique unique (org_id, email)
    )`)
    this.addSql('create index invitations_email_index on invitations (email)')
    for (const sql of tenantTableSql('invitations')) this.addSql(sql)
  }
}

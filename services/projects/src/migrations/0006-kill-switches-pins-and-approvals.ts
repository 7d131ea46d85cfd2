import { Migration } from '@mikro-orm/migrations'
import { SEE_ALL_ROWS_SQL, tenantTableSql } from '@mcpshield/db/tenancy'

const OF_PROJECTS = ['tool_pins', 'approvals', 'upstream_authorizations']

/** Kill switches of keys and organisations, pinned tools, calls that wait for a person, upstreams behind OAuth. */
export class KillSwitchesPinsAndApprovals extends Migration {
  override up(): void {
    this.addSql(SEE_ALL_ROWS_SQL)
    this.switches()
    this.pins()
    this.approvals()
    this.oauth()
    for (const table of OF_PROJECTS) {
      this.addSql(`alter table ${table} add constraint ${table}_project_id_org_id_fkey
        foreign key (project_id, org_id) references projects (id, org_id) on delete cascade`)
      for (const sql of tenantTableSql(table)) this.addSql(sql)
    }
  }

  private switches(): void {
    this.addSql('alter table organizations add column killed boolean not null default false')
    this.addSql('alter table api_keys add column killed boolean not null default false')
    this.addSql(`alter table projects add column approve_in_client boolean not null default false,
      add column token_issuer jsonb null, add column approvals_mailed_at timestamptz null`)
    this.addSql("update projects set approve_in_client = (environment <> 'prod')")
  }

  private pins(): void {
    this.addSql(`create table tool_pins (
      upstream_id uuid not null references upstreams (id) on delete cascade,
      name varchar(200) not null,
      project_id uuid not null,
      org_id uuid not null,
      approved text not null,
      approved_hash varchar(64) not null,
      approved_by uuid null,
      approved_at timestamptz not null,
      offered text null,
      offered_hash varchar(64) null,
      offered_at timestamptz null,
      mailed_at timestamptz null,
      primary key (upstream_id, name)
    )`)
    this.addSql('create index tool_pins_project_id_index on tool_pins (project_id)')
  }

  private approvals(): void {
    this.addSql(`create table approvals (
      id uuid primary key,
      project_id uuid not null,
      org_id uuid not null,
      state varchar(16) not null,
      open boolean not null,
      digest varchar(64) not null,
      method text not null,
      tool text not null,
      shown_arguments text not null,
      sealed_arguments text not null,
      rule text not null,
      reason text not null,
      policy_version int not null,
      agent text null,
      key_id uuid null,
      asked_by text null,
      decision_id uuid not null,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      decided_at timestamptz null,
      decided_by uuid null,
      note varchar(500) null,
      used_at timestamptz null
    )`)
    this.addSql('create index approvals_project_id_open_index on approvals (project_id, open)')
    this.addSql('create index approvals_open_expires_at_index on approvals (open, expires_at)')
  }

  private oauth(): void {
    this.addSql(`alter table upstreams add column oauth_grant text null, add column oauth_client_id text null,
      add column oauth_scope text null, add column oauth_state text null,
      add column oauth_expires_at timestamptz null, add column sealed_oauth text null`)
    this.addSql(`create table upstream_authorizations (
      state_digest varchar(64) primary key,
      project_id uuid not null,
      org_id uuid not null,
      upstream_id uuid not null references upstreams (id) on delete cascade,
      sealed text not null,
      created_at timestamptz not null,
      expires_at timestamptz not null
    )`)
    this.addSql(
      'create index upstream_authorizations_upstream_id_index on upstream_authorizations (upstream_id)',
    )
  }
}

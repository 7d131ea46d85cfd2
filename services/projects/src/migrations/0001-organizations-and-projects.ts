import { Migration } from '@mikro-orm/migrations'
import { OUTBOX_SQL } from '@mcpshield/db/outbox'

export class FirstTables extends Migration {
  override up(): void {
    this.addSql(OUTBOX_SQL)
    this.addSql(`create table organizations (
      id uuid primary key,
      name varchar(200) not null,
      owner_user_id uuid not null constraint organizations_owner_user_id_unique unique,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`)
    this.addSql(`create table members (
      user_id uuid primary key,
      org_id uuid not null references organizations (id) on delete cascade,
      role varchar(16) not null,
      created_at timestamptz not null
    )`)
    this.addSql('create index members_org_id_index on members (org_id)')
    this.addSql(`create table data_keys (
      org_id uuid primary key references organizations (id) on delete cascade,
      wrapped text not null
    )`)
    this.addSql(`create table projects (
      id uuid primary key,
      org_id uuid not null references organizations (id) on delete cascade,
      name varchar(100) not null,
      environment varchar(16) not null,
      infrastructure jsonb not null,
      mode varchar(16) not null,
      killed boolean not null,
      policy_version int not null,
      runtime_version int not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      constraint projects_org_id_name_unique unique (org_id, name)
    )`)
    this.addSql(`create table policy_versions (
      project_id uuid not null references projects (id) on delete cascade,
      version int not null,
      policy_yaml text not null,
      policy jsonb not null,
      hash varchar(64) not null,
      note varchar(500) null,
      author_id uuid null,
      diagnostics jsonb not null,
      created_at timestamptz not null,
      primary key (project_id, version)
    )`)
    this.addSql(`create table api_keys (
      id uuid primary key,
      project_id uuid not null references projects (id) on delete cascade,
      name varchar(100) not null,
      prefix varchar(16) not null,
      digest varchar(64) not null constraint api_keys_digest_unique unique,
      labels jsonb not null,
      upstreams jsonb null,
      expires_at timestamptz null,
      last_used_at timestamptz null,
      created_at timestamptz not null,
      revoked_at timestamptz null
    )`)
    this.addSql('create index api_keys_project_id_index on api_keys (project_id)')
    this.addSql(`create table upstreams (
      id uuid primary key,
      project_id uuid not null references projects (id) on delete cascade,
      slug varchar(24) not null,
      transport varchar(8) not null,
      command varchar(1000) null,
      shown_url varchar(2000) null,
      shown_args jsonb not null,
      header_names jsonb not null,
      env_names jsonb not null,
      sealed text not null,
      server varchar(64) null,
      root text null,
      created_at timestamptz not null,
      constraint upstreams_project_id_slug_unique unique (project_id, slug)
    )`)
    this.addSql(`create table connections (
      id uuid primary key,
      project_id uuid not null references projects (id) on delete cascade,
      name varchar(64) not null,
      kind varchar(16) not null,
      path varchar(4000) null,
      options jsonb not null,
      sealed_url text null,
      created_at timestamptz not null,
      constraint connections_project_id_name_unique unique (project_id, name)
    )`)
  }
}

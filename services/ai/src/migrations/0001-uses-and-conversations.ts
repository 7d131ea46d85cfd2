import { Migration } from '@mikro-orm/migrations'
import { OUTBOX_SQL } from '@mcpshield/db/outbox'
import { tenantTableSql } from '@mcpshield/db/tenancy'

export class UsesAndConversations extends Migration {
  override up(): void {
    this.addSql(OUTBOX_SQL)
    this.addSql(`create table uses (
      id uuid primary key,
      org_id uuid not null,
      project_id uuid null,
      user_id uuid null,
      role varchar(16) not null,
      request_id varchar(64) not null,
      job varchar(16) not null,
      source varchar(16) not null,
      model varchar(200) null,
      state varchar(16) not null,
      counted boolean not null,
      month varchar(7) not null,
      input_tokens int not null,
      output_tokens int not null,
      attempts int not null,
      started_at timestamptz not null,
      ended_at timestamptz null
    )`)
    this.addSql('create index uses_org_id_month_index on uses (org_id, month)')
    this.addSql(`create index uses_running_index on uses (started_at) where state = 'running'`)
    this.addSql(`create table conversations (
      id uuid primary key,
      org_id uuid not null,
      project_id uuid not null,
      user_id uuid not null,
      title varchar(200) not null,
      messages int not null,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`)
    this.addSql('create index conversations_user_id_project_id_index on conversations (user_id, project_id)')
    this.addSql(`create table messages (
      id bigserial primary key,
      org_id uuid not null,
      conversation_id uuid not null references conversations (id) on delete cascade,
      role varchar(16) not null,
      text text not null,
      policy text null,
      source varchar(16) null,
      created_at timestamptz not null
    )`)
    this.addSql('create index messages_conversation_id_index on messages (conversation_id)')
    for (const table of ['uses', 'conversations', 'messages'])
      for (const sql of tenantTableSql(table)) this.addSql(sql)
  }
}

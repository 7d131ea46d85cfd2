import { Migration } from '@mikro-orm/migrations'
import { OUTBOX_SQL } from '@mcpshield/db/outbox'

export class FirstTables extends Migration {
  override up(): void {
    this.addSql(OUTBOX_SQL)
    this.addSql(`create table users (
      id uuid primary key,
      email varchar(254) not null constraint users_email_unique unique,
      password_hash varchar(255) not null,
      first_name varchar(100) not null,
      last_name varchar(100) not null,
      is_email_verified boolean not null,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`)
    this.addSql(`create table signing_keys (
      kid varchar(64) primary key,
      public_jwk jsonb not null,
      sealed_private text not null,
      created_at timestamptz not null
    )`)
    this.addSql(`create table refresh_tokens (
      digest varchar(64) primary key,
      session_id uuid not null,
      user_id uuid not null references users (id) on delete cascade,
      expires_at timestamptz not null,
      used_at timestamptz null
    )`)
    this.addSql('create index refresh_tokens_session_id_index on refresh_tokens (session_id)')
    this.addSql('create index refresh_tokens_user_id_index on refresh_tokens (user_id)')
  }
}

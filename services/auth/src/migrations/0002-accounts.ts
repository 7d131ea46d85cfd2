import { Migration } from '@mikro-orm/migrations'

/** Profiles, wishes for mails, changes of address, second factors, and keys that are made ahead. */
export class Accounts extends Migration {
  override up(): void {
    this.addSql(`alter table users
      add column company varchar(200) null,
      add column job_title varchar(200) null,
      add column bio varchar(2000) null,
      add column location varchar(200) null,
      add column website_url varchar(500) null,
      add column notifications jsonb not null default '{}',
      add column registration_id uuid null,
      add column pending_email varchar(254) null,
      add column email_change_id uuid null,
      add column email_change_at timestamptz null,
      add column generation int not null default 0,
      add column last_sign_in_at timestamptz null`)
    this.addSql('create index users_pending_email_index on users (pending_email)')
    this.addSql(`create table totps (
      user_id uuid primary key references users (id) on delete cascade,
      sealed_secret text not null,
      created_at timestamptz not null,
      confirmed_at timestamptz null,
      last_step int null
    )`)
    this.addSql(`create table recovery_codes (
      digest varchar(64) primary key,
      user_id uuid not null references users (id) on delete cascade
    )`)
    this.addSql('create index recovery_codes_user_id_index on recovery_codes (user_id)')
    this.addSql(`create table sign_in_clients (
      user_id uuid not null references users (id) on delete cascade,
      client varchar(64) not null,
      last_at timestamptz not null,
      primary key (user_id, client)
    )`)
    this.addSql('alter table signing_keys add column signs_from timestamptz not null default now()')
    this.addSql('update signing_keys set signs_from = created_at')
    // Events about people have one topic now, so that they are told in the order in which they happened.
    this.addSql(`update outbox set topic = 'people', payload = jsonb_build_object(
        'event', 'userRegistered',
        'person', payload || jsonb_build_object('last_name', users.last_name))
      from users where outbox.topic = 'userRegistered' and users.id = (outbox.payload->>'user_id')::uuid`)
    // Whoever keeps names and addresses learns those of everybody who is here already.
    this.addSql(`insert into outbox (topic, key, payload, message_id)
      select 'people', id::text, jsonb_build_object(
        'event', 'userChanged',
        'person', jsonb_build_object(
          'user_id', id, 'email', email, 'first_name', first_name, 'last_name', last_name)), gen_random_uuid()
      from users where is_email_verified`)
  }
}

import { Migration } from '@mikro-orm/migrations'
import { OUTBOX_SQL } from '@mcpshield/db/outbox'
import { tenantTableSql } from '@mcpshield/db/tenancy'

export class FirstTables extends Migration {
  override up(): void {
    this.addSql(OUTBOX_SQL)
    this.addSql(`create table subscriptions (
      org_id uuid primary key,
      plan varchar(16) not null,
      period varchar(16) not null,
      status varchar(16) not null,
      anchor timestamptz not null,
      current_period_start timestamptz not null,
      current_period_end timestamptz not null,
      next_plan varchar(16) null,
      next_period varchar(16) null,
      created_at timestamptz not null,
      canceled_at timestamptz null
    )`)
    this.addSql('create index subscriptions_current_period_end_index on subscriptions (current_period_end)')
    this.addSql(`create table invoices (
      id uuid primary key,
      org_id uuid not null,
      number varchar(64) not null constraint invoices_number_unique unique,
      status varchar(16) not null,
      plan varchar(16) not null,
      period_start timestamptz not null,
      period_end timestamptz not null,
      currency varchar(3) not null,
      lines jsonb not null,
      total int not null,
      issued_at timestamptz not null,
      due_at timestamptz not null,
      constraint invoices_org_id_period_start_unique unique (org_id, period_start)
    )`)
    this.addSql('create table invoice_numbers (year int primary key, last int not null)')
    for (const table of ['subscriptions', 'invoices'])
      for (const sql of tenantTableSql(table)) this.addSql(sql)
  }
}

import { Migration } from '@mikro-orm/migrations'

export class OrganizationPolicies extends Migration {
  override up(): void {
    this.addSql(`create table organization_policies (
      org_id uuid not null references organizations (id) on delete cascade,
      version int not null,
      policy_yaml text not null,
      policy jsonb not null,
      hash varchar(64) not null,
      note varchar(500) null,
      author_id uuid null,
      diagnostics jsonb not null,
      created_at timestamptz not null,
      primary key (org_id, version)
    )`)
  }
}

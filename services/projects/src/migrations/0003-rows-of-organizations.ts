import { Migration } from '@mikro-orm/migrations'
import { SEE_ALL_ROWS_SQL, tenantTableSql } from '@mcpshield/db/tenancy'

const OF_PROJECTS = ['policy_versions', 'api_keys', 'upstreams', 'connections']
const OF_ORGANIZATIONS = ['members', 'data_keys', 'projects', 'organization_policies', ...OF_PROJECTS]

/** Every row names its organisation, and the database keeps organisations apart. */
export class RowsOfOrganizations extends Migration {
  override up(): void {
    this.addSql(SEE_ALL_ROWS_SQL)
    this.addSql('alter table projects add constraint projects_id_org_id_unique unique (id, org_id)')
    for (const table of OF_PROJECTS) {
      this.addSql(`alter table ${table} add column org_id uuid`)
      this.addSql(
        `update ${table} set org_id = projects.org_id from projects where projects.id = ${table}.project_id`,
      )
      this.addSql(`alter table ${table} alter column org_id set not null`)
      // With the project, so that it cannot be another organisation than the project's.
      this.addSql(`alter table ${table} add constraint ${table}_project_id_org_id_fkey
        foreign key (project_id, org_id) references projects (id, org_id) on delete cascade`)
    }
    for (const sql of tenantTableSql('organizations', 'id')) this.addSql(sql)
    for (const table of OF_ORGANIZATIONS) for (const sql of tenantTableSql(table)) this.addSql(sql)
  }
}

import type pg from 'pg'

// Everything of one database and one session that a statement could leave changed, each as one text.
const parts: Record<string, string> = {
  settings: `SELECT md5(string_agg(name || '=' || setting, ',' ORDER BY name)) FROM pg_settings`,
  relations: `SELECT md5(string_agg(concat_ws(':', oid, relname, relnamespace, relkind, relowner, relacl, relfilenode,
    reloptions, relrowsecurity, relhastriggers, relhasrules), ',' ORDER BY oid)) FROM pg_class`,
  columns: `SELECT md5(string_agg(concat_ws(':', attrelid, attnum, attname, atttypid, attnotnull, attacl, attstattarget,
    attisdropped), ',' ORDER BY attrelid, attnum)) FROM pg_attribute`,
  statistics: 'SELECT count(*) FROM pg_statistic',
  roles: `SELECT md5(string_agg(a::text, ',' ORDER BY oid)) FROM pg_authid a WHERE rolname = current_user`,
  'large objects': `SELECT md5(string_agg(concat_ws(':', loid, pageno, data), ',' ORDER BY loid, pageno)) FROM pg_largeobject`,
  'prepared statements': `SELECT count(*) FROM pg_prepared_statements`,
  cursors: `SELECT count(*) FROM pg_cursors WHERE name <> ''`,
  locks: `SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'relation' AND locktype <> 'virtualxid'`,
  channels: 'SELECT count(*) FROM pg_listening_channels()',
  'temporary schema': 'SELECT pg_my_temp_schema()',
  role: `SELECT current_user || session_user`,
  files: `SELECT md5(string_agg(f, ',' ORDER BY f)) FROM (SELECT pg_ls_dir('.') UNION ALL SELECT pg_ls_dir('pg_snapshots')
    UNION ALL SELECT pg_ls_dir('pg_replslot')) l(f)`,
}

// Catalogues of which the rows only come, go or get another oid.
const counted =
  `pg_proc pg_type pg_constraint pg_index pg_trigger pg_rewrite pg_policy pg_namespace pg_attrdef pg_default_acl
  pg_description pg_seclabel pg_extension pg_event_trigger pg_publication pg_foreign_server pg_user_mapping pg_cast
  pg_operator pg_opclass pg_collation pg_conversion pg_ts_dict pg_statistic_ext pg_enum pg_range pg_transform pg_language
  pg_am pg_largeobject_metadata pg_foreign_data_wrapper pg_sequence pg_inherits`.split(/\s+/)

/** Reads the state of a database, as one session sees it. */
export type StateReader = () => Promise<Record<string, string>>

/** A reader of the state; the tables and sequences are those there are now. */
export async function stateReader(client: pg.Client): Promise<StateReader> {
  const { rows } = await client.query<{ name: string; kind: string }>(
    `SELECT c.oid::regclass::text AS name, relkind AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE nspname !~ '^pg_|^information_schema$' AND relkind IN ('r', 'm', 'S')`,
  )
  const all = { ...parts }
  for (const catalogue of counted)
    all[catalogue] =
      `SELECT md5(string_agg(md5(t::text), ',' ORDER BY t::text)) FROM pg_catalog.${catalogue} t`
  for (const { name, kind } of rows) {
    all[name] =
      kind === 'S'
        ? `SELECT concat_ws(':', last_value, is_called, log_cnt) FROM ${name}`
        : `SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ${name} t`
  }
  const sql = `SELECT ${Object.entries(all)
    .map(([name, query]) => `(${query})::text AS "${name.replaceAll('"', '""')}"`)
    .join(',\n')}`
  return async () => (await client.query<Record<string, string>>(sql)).rows[0] ?? {}
}

/** The parts in which two states differ. */
export function differences(before: Record<string, string>, after: Record<string, string>): string[] {
  return Object.keys(before).filter((part) => before[part] !== after[part])
}

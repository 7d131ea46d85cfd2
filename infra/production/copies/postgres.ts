// The services' schemas of PostgreSQL, as they were at one moment.
import { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { SetupError } from '../../dev/setup-error.ts'
import { openCopy, type BackupWriter, type Manifest } from './backup-folder.ts'
import { copyIn, copyOut } from './postgres-copy.ts'

const DATABASE = 'mcpshield'
/** Where MikroORM notes what it did. */
const MIGRATIONS = 'migrations'

type Table = { schema: string; name: string; columns: string[] }
type Sequence = { schema: string; name: string; last: string; isCalled: boolean }

export type CopyOptions = { url: string; progress: (line: string) => void }

/** All schemas of all services in one transaction, so that they are of one moment. Returns their migrations. */
export async function backUpPostgres(
  backup: BackupWriter,
  { url, progress }: CopyOptions,
): Promise<Manifest['migrations']> {
  return onProductDatabase(url, async (client) => {
    await client.query('begin isolation level repeatable read read only')
    const tables = await tablesOf(client)
    for (const table of tables) {
      const rows = copyOut(client, `copy ${nameOf(table)} (${columnsOf(table)}) to stdout`)
      await backup.write(fileOf(table), rows, () => rows.rows())
      if (rows.rows() > 0) progress(`postgres: ${table.schema}.${table.name}, ${rows.rows()} rows`)
    }
    const sequences = JSON.stringify(await sequencesOf(client))
    await backup.write('postgres/sequences.json.gz', Readable.from([sequences]), () => 1)
    const migrations = await migrationsOf(client, tables)
    await client.query('commit')
    return migrations
  })
}

/** Puts everything in the place of what is there, in one transaction. The tables are to be of the same migrations. */
export async function restorePostgres(
  folder: string,
  manifest: Manifest,
  { url, progress }: CopyOptions,
): Promise<void> {
  await onProductDatabase(url, async (client) => {
    await refuseWhileUsed(client)
    const tables = await tablesOf(client)
    requireSameMigrations(manifest.migrations, await migrationsOf(client, tables))
    await client.query('begin')
    // Rows come table by table: what refers to what is whole again at the end. Only a superuser may say so.
    await client.query('set local session_replication_role = replica')
    await client.query(`truncate ${tables.map(nameOf).join(', ')}`)
    for (const table of tables) await restoreTable(client, folder, manifest, table, progress)
    const sequences = JSON.parse(await textOf(openCopy(folder, 'postgres/sequences.json.gz'))) as Sequence[]
    for (const { schema, name, last, isCalled } of sequences)
      await client.query('select setval($1::regclass, $2, $3)', [
        `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`,
        last,
        isCalled,
      ])
    await tellBucketsAnew(client)
    await tellAccountsAnew(client)
    await client.query('commit')
  })
}

async function restoreTable(
  client: pg.Client,
  folder: string,
  manifest: Manifest,
  table: Table,
  progress: (line: string) => void,
): Promise<void> {
  const file = fileOf(table)
  const wanted = manifest.files[file]
  if (wanted === undefined) throw new SetupError(`The backup has no rows of ${table.schema}.${table.name}.`)
  const rows = copyIn(client, `copy ${nameOf(table)} (${columnsOf(table)}) from stdin`)
  await pipeline(openCopy(folder, file), rows)
  if (rows.rows() !== wanted.items)
    throw new SetupError(`${file}: ${rows.rows()} of ${wanted.items} rows were taken. Nothing was changed.`)
  if (rows.rows() > 0) progress(`postgres: ${table.schema}.${table.name}, ${rows.rows()} rows`)
}

/**
 * Buckets are not in a backup: what decision points hold is made from the database, so that a key revoked in it is
 * revoked. `projects` finds this work when it starts; `billing` tells its bucket by itself.
 */
async function tellBucketsAnew(client: pg.Client): Promise<void> {
  const told = [
    ['policies', 'projects.projects', 'id::text'],
    ['keys', 'projects.api_keys', 'digest'],
    ['pins', 'projects.upstreams', 'id::text'],
    ['approvals', 'projects.approvals', 'id::text'],
  ] as const
  for (const [topic, table, key] of told)
    await client.query(
      `insert into projects.outbox (topic, key, message_id) select $1, ${key}, gen_random_uuid() from ${table}`,
      [topic],
    )
}

/**
 * What a NATS server knows of SIEM credentials' accounts is not in a backup either. Those that are good are told to the
 * server by `siem` when it starts, which asks it first: one that it knows as revoked stays so. Those that were being
 * taken back are taken back.
 */
async function tellAccountsAnew(client: pg.Client): Promise<void> {
  await client.query(
    "update siem.feeds set account_state = null where kind = 'credential' and revoked_at is null",
  )
  await client.query(
    `insert into siem.outbox (topic, key, message_id) select 'accounts', id::text, gen_random_uuid() from siem.feeds
     where kind = 'credential' and revoked_at is not null and account_state is distinct from 'closed'`,
  )
}

/** What a running service wrote meanwhile would be lost, or mixed in. */
async function refuseWhileUsed(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ usename: string }>(
    'select distinct usename from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  )
  if (rows.length === 0) return
  const names = rows.map(({ usename }) => usename).join(', ')
  throw new SetupError(`The services still run (${names}). Stop them first; the stores stay up.`)
}

function requireSameMigrations(wanted: Manifest['migrations'], there: Manifest['migrations']): void {
  for (const schema of new Set([...Object.keys(wanted), ...Object.keys(there)])) {
    const names = wanted[schema] ?? []
    const missing = names.filter((name) => !there[schema]?.includes(name))
    const further = (there[schema] ?? []).filter((name) => !names.includes(name))
    if (missing.length + further.length === 0) continue
    throw new SetupError(
      `The tables of ${schema} are not those of the backup (${missing.length} migrations missing, ${further.length} more). ` +
        'Restore with the version that made the backup, then upgrade.',
    )
  }
}

async function tablesOf(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `select t.table_schema as schema, t.table_name as name, array_agg(c.column_name::text order by c.ordinal_position) as columns
     from information_schema.tables t
     join information_schema.columns c using (table_schema, table_name)
     where t.table_type = 'BASE TABLE' and t.table_schema not in ('pg_catalog', 'information_schema', 'public')
       and c.is_generated = 'NEVER'
     group by 1, 2 order by 1, 2`,
  )
  return rows
}

async function sequencesOf(client: pg.Client): Promise<Sequence[]> {
  const { rows } = await client.query<{ schema: string; name: string }>(
    `select schemaname as schema, sequencename as name from pg_sequences where schemaname <> 'public' order by 1, 2`,
  )
  const all: Sequence[] = []
  for (const { schema, name } of rows) {
    const from = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`
    const values = await client.query<{ last: string; isCalled: boolean }>(
      `select last_value::text as last, is_called as "isCalled" from ${from}`,
    )
    all.push({ schema, name, ...values.rows[0]! })
  }
  return all
}

async function migrationsOf(client: pg.Client, tables: Table[]): Promise<Manifest['migrations']> {
  const of: Manifest['migrations'] = {}
  for (const { schema } of tables.filter(({ name }) => name === MIGRATIONS)) {
    const from = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(MIGRATIONS)}`
    const { rows } = await client.query<{ name: string }>(`select name from ${from} order by name`)
    of[schema] = rows.map(({ name }) => name)
  }
  return of
}

async function onProductDatabase<T>(adminUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const url = new URL(adminUrl)
  url.pathname = `/${DATABASE}`
  const client = new pg.Client({ connectionString: url.href })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const nameOf = ({ schema, name }: Table) => `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`
const columnsOf = ({ columns }: Table) => columns.map((name) => pg.escapeIdentifier(name)).join(', ')
const fileOf = ({ schema, name }: Table) => `postgres/${schema}.${name}.copy.gz`

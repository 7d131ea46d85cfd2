// The sample systems of the demo: a PostgreSQL database, a SQLite file and a folder of files. All people
// in them are made up of placeholder names and example domains.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'

export type SampleData = { postgresUrl: string; sqlitePath: string; publicFolder: string; folder: string }

const DATABASE = 'mcpshield_demo'
const READER = 'demo_agent'

/** Makes what is missing; what is there stays as it is. */
export async function makeSampleData(
  adminUrl: string,
  folder: string,
  password: string,
): Promise<SampleData> {
  const publicFolder = join(folder, 'files', 'public')
  mkdirSync(publicFolder, { recursive: true })
  mkdirSync(join(folder, 'files', 'private'), { recursive: true })
  writeFileSync(join(publicFolder, 'welcome.txt'), 'Everyone may read this file.\n')
  writeFileSync(join(folder, 'files', 'private', 'salaries.txt'), 'Nobody else may read this file.\n')
  const sqlitePath = join(folder, 'shop.sqlite')
  if (!existsSync(sqlitePath)) makeSqlite(sqlitePath)
  await makePostgres(adminUrl, password)
  const url = new URL(adminUrl)
  url.username = READER
  url.password = password
  url.pathname = `/${DATABASE}`
  return { postgresUrl: url.href, sqlitePath, publicFolder, folder: join(folder, 'files') }
}

function makeSqlite(path: string): void {
  const database = new DatabaseSync(path)
  database.exec(`
    create table products (id integer primary key, name text not null, price_cents integer not null);
    insert into products (name, price_cents) values ('Notebook', 450), ('Pencil', 120), ('Ruler', 200);
    create table suppliers (id integer primary key, name text not null, bank_account text not null);
    insert into suppliers (name, bank_account) values ('Example Paper', 'not for agents');
  `)
  database.close()
}

async function makePostgres(adminUrl: string, password: string): Promise<void> {
  await onDatabase(adminUrl, async (admin) => {
    const role = await admin.query('select 1 from pg_roles where rolname = $1', [READER])
    const verb = role.rowCount === 0 ? 'create' : 'alter'
    await admin.query(`${verb} role ${READER} login password ${pg.escapeLiteral(password)}`)
    const database = await admin.query('select 1 from pg_database where datname = $1', [DATABASE])
    if (database.rowCount === 0) await admin.query(`create database ${DATABASE}`)
    await admin.query(`revoke all on database ${DATABASE} from public`)
    await admin.query(`grant connect on database ${DATABASE} to ${READER}`)
  })
  const url = new URL(adminUrl)
  url.pathname = `/${DATABASE}`
  await onDatabase(url.href, async (client) => {
    await client.query(`
      create schema if not exists hr;
      create table if not exists public.customers (id int primary key, name text, email text, phone text);
      create table if not exists public.orders (id int primary key, customer_id int, total_cents int, placed_at timestamptz);
      create table if not exists hr.salaries (employee text primary key, amount_cents int);
      insert into public.customers values
        (1, 'A. Sample', 'a.sample@example.com', '+1 555 0100'),
        (2, 'B. Sample', 'b.sample@example.org', '+1 555 0101') on conflict do nothing;
      insert into public.orders values (1, 1, 1250, '2026-01-02T10:00:00Z'), (2, 1, 300, '2026-01-03T11:30:00Z'),
        (3, 2, 9900, '2026-01-04T09:15:00Z') on conflict do nothing;
      insert into hr.salaries values ('A. Employee', 5000000) on conflict do nothing;
      grant usage on schema public, hr to ${READER};
      grant select on all tables in schema public, hr to ${READER};
    `)
  })
}

async function onDatabase(url: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}

// The product's database: for each service one role and one schema of the same name, and no rights elsewhere.
import pg from 'pg'

const DATABASE = 'mcpshield'

/**
 * Makes the database, and for each service its role (with the password given) and its schema. Safe to run
 * again: passwords are set to those given, data stays. `adminUrl` is a superuser's.
 */
export async function createRoles(
  adminUrl: string,
  passwords: Record<string, string>,
  database = DATABASE,
): Promise<void> {
  await onDatabase(adminUrl, undefined, async (server) => {
    const { rowCount } = await server.query('select 1 from pg_database where datname = $1', [database])
    if (rowCount === 0) await server.query(`create database ${pg.escapeIdentifier(database)}`)
  })
  await onDatabase(adminUrl, database, async (client) => {
    await client.query('begin')
    // Two starts at once must not make the same role twice.
    await client.query("select pg_advisory_xact_lock(hashtext('mcpshield-roles'))")
    await client.query(`revoke all on database ${pg.escapeIdentifier(database)} from public`)
    await client.query('revoke all on schema public from public')
    for (const [service, password] of Object.entries(passwords)) {
      await createRole(client, database, service, password)
    }
    await client.query('commit')
  })
}

async function createRole(
  client: pg.Client,
  database: string,
  service: string,
  password: string,
): Promise<void> {
  const role = pg.escapeIdentifier(service)
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [service])
  if (rowCount === 0) await client.query(`create role ${role}`)
  await client.query(
    `alter role ${role} login nosuperuser nocreatedb nocreaterole noinherit noreplication nobypassrls
     password ${pg.escapeLiteral(password)}`,
  )
  const inDatabase = pg.escapeIdentifier(database)
  await client.query(`grant connect on database ${inDatabase} to ${role}`)
  await client.query(`create schema if not exists ${role} authorization ${role}`)
  await client.query(`alter role ${role} in database ${inDatabase} set search_path to ${role}`)
}

async function onDatabase(
  adminUrl: string,
  database: string | undefined,
  work: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const url = new URL(adminUrl)
  if (database !== undefined) url.pathname = `/${encodeURIComponent(database)}`
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

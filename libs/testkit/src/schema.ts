// A service's empty schema in a database of its own, as infra/postgres/roles.ts leaves it for the migrations.
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { freshDatabase, type Fresh } from './fresh.ts'

export type FreshSchema = Fresh & {
  /** The superuser's, who sees every organisation's rows. */
  readonly adminUrl: string
}

/** `url` is that of a role which owns the schema and nothing else. Dropped when disposed. */
export async function freshSchema(schema: string): Promise<FreshSchema> {
  const database = await freshDatabase()
  const role = `test_${randomUUID().replaceAll('-', '')}`
  await asAdmin(database.url, async (client) => {
    await client.query(`create role ${role} login nosuperuser nobypassrls password ${pg.escapeLiteral(role)}`)
    await client.query(`create schema ${pg.escapeIdentifier(schema)} authorization ${role}`)
    await client.query(`alter database ${database.name} set search_path to ${pg.escapeIdentifier(schema)}`)
  })
  const url = new URL(database.url)
  url.username = role
  url.password = role
  return {
    url: url.href,
    adminUrl: database.url,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]()
      const server = new URL(database.url)
      server.pathname = '/postgres'
      await asAdmin(server.href, (client) => client.query(`drop role if exists ${role}`))
    },
  }
}

async function asAdmin(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

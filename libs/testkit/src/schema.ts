// A service's empty schema in a database of its own, as infra/postgres/roles.ts leaves it for the migrations.
import pg from 'pg'
import { freshDatabase, type Fresh } from './fresh.ts'

/** The URL's connections see the schema, and no other. Dropped when disposed. */
export async function freshSchema(schema: string): Promise<Fresh> {
  const database = await freshDatabase()
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(`create schema ${pg.escapeIdentifier(schema)}`)
  await client.query(`alter database ${database.name} set search_path to ${pg.escapeIdentifier(schema)}`)
  await client.end()
  return database
}

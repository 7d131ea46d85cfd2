// A service's empty schema in a database of its own, as infra/postgres/roles.ts leaves it for the migrations.
import pg from 'pg'
import { freshDatabase, type Fresh } from './fresh.ts'

/** The URL's connections see the schema, and no other. Dropped when disposed. */
export async function freshSchema(schema: string): Promise<Fresh> {
  const database = await freshDatabase()
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(`create schema ${pg.escapeIdentifier(schema)}`)
  await client.end()
  const url = new URL(database.url)
  url.searchParams.set('options', `-c search_path=${schema}`)
  return { url: url.href, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() }
}

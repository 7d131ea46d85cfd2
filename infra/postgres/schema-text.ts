// What a database has, as text: two that were made in different ways can be compared.
import pg from 'pg'

/** Columns, indexes and policies of these schemas. `adminUrl` is a superuser's. */
export async function schemaText(
  adminUrl: string,
  database: string,
  schemas: readonly string[],
): Promise<string> {
  const url = new URL(adminUrl)
  url.pathname = `/${encodeURIComponent(database)}`
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  try {
    const texts = []
    for (const query of QUERIES) texts.push((await client.query(query, [schemas])).rows)
    return JSON.stringify(texts, undefined, 1)
  } finally {
    await client.end()
  }
}

const QUERIES = [
  `select table_schema, table_name, column_name, data_type, is_nullable, column_default
     from information_schema.columns where table_schema = any($1) order by 1, 2, 3`,
  'select schemaname, tablename, indexname, indexdef from pg_indexes where schemaname = any($1) order by 1, 2, 3',
  'select schemaname, tablename, policyname, cmd, qual, with_check from pg_policies where schemaname = any($1) order by 1, 2, 3',
]

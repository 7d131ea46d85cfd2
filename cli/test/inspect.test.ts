import { expect, test } from 'vitest'
import { folder, jsonl, mcpshield } from './command.ts'

test.for<[string, string, string]>([
  ['postgresql', 'create table (', 'is not a script of this dialect'],
  ['sqlite', 'create table (', 'is not a script of this dialect'],
])('a schema that is no %s is a usage error', async ([dialect, ddl, said]) => {
  using files = folder({ 'schema.sql': ddl })
  const { code, stdout, stderr } = await mcpshield(
    ['inspect', '--dialect', dialect, '--schema', files.path('schema.sql')],
    { input: jsonl({ id: 1, sql: 'select 1' }) },
  )
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(said)
})

test('an option that says nothing about a dialect is passed over, and that is said', async () => {
  using files = folder({ 'schema.sql': 'create table t (a int)' })
  const { code, lines, stderr } = await mcpshield(
    ['inspect', '--dialect', 'sqlite', '--search-path', 'public', '--schema', files.path('schema.sql')],
    { input: jsonl({ id: 1, sql: 'select a from t' }) },
  )
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'mcpshield: --search-path says nothing about sqlite\n',
  })
  expect(lines).toMatchObject([{ reads: ['t'], read_only: true }])
})

test('a schema of SQLite is only read: what its script would do outside of a database in memory is not done', async () => {
  using files = folder()
  const script = `create table t (a int); attach '${files.path('made.db')}' as made; create table made.x (a int);`
  using schema = folder({ 'schema.sql': script })
  const { code } = await mcpshield(['inspect', '--dialect', 'sqlite', '--schema', schema.path('schema.sql')])
  // Nothing is attached, so the last statement has no place to be made in.
  expect(code).toBe(2)
  const { existsSync } = await import('node:fs')
  expect(existsSync(files.path('made.db'))).toBe(false)
})

test('a dump of SQLite with virtual tables is a schema', async () => {
  using files = folder({
    'dump.sql': `CREATE VIRTUAL TABLE docs USING fts5(title, body);
CREATE TABLE IF NOT EXISTS 'docs_data'(id INTEGER PRIMARY KEY, block BLOB);
CREATE TABLE t (a INT);`,
  })
  const { lines } = await mcpshield(['inspect', '--dialect', 'sqlite', '--schema', files.path('dump.sql')], {
    input: jsonl(
      { id: 1, sql: 'select * from t' },
      { id: 2, sql: "select title from docs where docs match 'x'" },
    ),
  })
  expect(lines).toMatchObject([
    { id: 1, reads: ['t'], fields: ['a'] },
    { id: 2, reads: ['docs'], read_only: true },
  ])
})

import { beforeAll, describe, expect, test } from 'vitest'
import { preparePostgresql } from '../src/sql/postgresql.ts'
import { outputSources, rowSources, type LineageOptions } from '../src/sql/postgresql-lineage.ts'

beforeAll(preparePostgresql)

const known: LineageOptions = {
  searchPath: ['public'],
  schema: {
    'public.users': ['id', 'email', 'name'],
    'public.orders': ['id', 'user_id', 'total'],
    'public.contacts': ['mail', 'hidden'],
  },
  views: {
    'public.contacts': 'SELECT u.email, lower(u.name) AS n FROM users u',
  },
}

const sources = (sql: string, options = known) => outputSources(sql, options)
const u = (...columns: string[]) => columns.map((column) => `public.users.${column}`)
const o = (...columns: string[]) => columns.map((column) => `public.orders.${column}`)

describe('the sources of an output', () => {
  test.each<[string, string, ReturnType<typeof sources>]>([
    ['a column', 'SELECT email FROM users', [u('email')]],
    ['an alias', 'SELECT u.email AS harmless FROM users u', [u('email')]],
    ['an expression', "SELECT id || ' ' || upper(email) FROM users", [u('email', 'id')]],
    ['a constant', "SELECT 'email', $1, now(), current_user FROM users", [[], [], [], []]],
    ['a cast', 'SELECT email::varchar(3), CAST(id AS text) FROM users', [u('email'), u('id')]],
    ['a condition of CASE', "SELECT CASE WHEN email LIKE 'a%' THEN 1 ELSE 2 END FROM users", [u('email')]],
    ['an aggregate', 'SELECT max(email), count(*), count(name) FROM users', [u('email'), [], u('name')]],
    [
      'its filter and order',
      'SELECT array_agg(id ORDER BY email) FILTER (WHERE name > $1) FROM users',
      [u('email', 'id', 'name')],
    ],
    ['a window', 'SELECT rank() OVER (PARTITION BY name ORDER BY email) FROM users', [u('email', 'name')]],
    [
      'a named window',
      'SELECT rank() OVER w FROM users WINDOW v AS (PARTITION BY name), w AS (v ORDER BY email)',
      [u('email', 'name')],
    ],
    ['a star', 'SELECT * FROM users', [u('id'), u('email'), u('name')]],
    [
      'a star beside others',
      'SELECT 1, u.*, o.total FROM users u, orders o',
      [[], u('id'), u('email'), u('name'), o('total')],
    ],
    ['TABLE', 'TABLE orders', [o('id'), o('user_id'), o('total')]],
    ['VALUES', 'VALUES (1, (SELECT email FROM users LIMIT 1)), (2, $1)', [[], u('email')]],
    ['a whole row', 'SELECT u FROM users u', [u('email', 'id', 'name')]],
    ['a whole row to a function', 'SELECT to_jsonb(u) FROM users u', [u('email', 'id', 'name')]],
    ['a whole row by its dot', 'SELECT u.to_jsonb FROM users u', [u('email', 'id', 'name')]],
    ['a column list of an alias', 'SELECT x, y, z FROM users u(x, y, z)', [u('id'), u('email'), u('name')]],
    ['a sub-query', 'SELECT a FROM (SELECT email AS a, id FROM users) q', [u('email')]],
    ['a sub-query with a list', 'SELECT b FROM (SELECT email, id FROM users) q(b)', [u('email')]],
    ['a common table expression', 'WITH c(x) AS (SELECT email FROM users) SELECT * FROM c', [u('email')]],
    [
      'one that hides a table',
      'WITH users AS (SELECT total AS email FROM orders) SELECT email FROM users',
      [o('total')],
    ],
    [
      'one that reads the table it hides',
      'WITH users AS (SELECT email AS x FROM users) SELECT x FROM users',
      [u('email')],
    ],
    [
      'one that reads itself',
      `WITH RECURSIVE r(a, b, c) AS (SELECT email, name, $1 FROM users UNION ALL SELECT b, c, a FROM r)
       SELECT a, b, c FROM r`,
      [u('email', 'name'), u('email', 'name'), u('email', 'name')],
    ],
    [
      'siblings in any order',
      'WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT email FROM users) SELECT * FROM a',
      [u('email')],
    ],
    [
      'a union',
      'SELECT email FROM users UNION SELECT total::text FROM orders',
      [[...o('total'), ...u('email')]],
    ],
    [
      'a scalar sub-query, and what it is chosen by',
      'SELECT (SELECT max(o.total) FROM orders o WHERE o.user_id = u.id) FROM users u',
      [[...o('total', 'user_id'), ...u('id')]],
    ],
    ['EXISTS', 'SELECT EXISTS (SELECT name FROM users WHERE email = $1)', [u('email')]],
    ['a LATERAL sub-query', 'SELECT q.e FROM users u, LATERAL (SELECT u.email AS e) q', [u('email')]],
    ['a function in FROM', "SELECT w FROM users, string_to_table(email, '@') w", [u('email')]],
    [
      'unnest under an alias',
      'SELECT part FROM users, unnest(string_to_array(email, $1)) AS part',
      [u('email')],
    ],
    [
      'JSON_TABLE',
      "SELECT j.* FROM users, JSON_TABLE(email, '$' COLUMNS (a int, NESTED '$.b' COLUMNS (c int))) j",
      [u('email'), u('email')],
    ],
    [
      'a join by USING',
      'SELECT id, email FROM users JOIN orders USING (id)',
      [[...o('id'), ...u('id')], u('email')],
    ],
    [
      'a star over USING',
      'SELECT * FROM orders JOIN users USING (id)',
      [[...o('id'), ...u('id')], o('user_id'), o('total'), u('email'), u('name')],
    ],
    [
      'a star over NATURAL',
      'SELECT * FROM orders NATURAL JOIN users',
      [[...o('id'), ...u('id')], o('user_id'), o('total'), u('email'), u('name')],
    ],
    ['a join under an alias', 'SELECT j.c FROM (users CROSS JOIN orders) AS j(a, b, c)', [u('name')]],
    ['a view that is seen through', 'SELECT * FROM contacts', [u('email'), u('name')]],
    ['what is put into a row', 'UPDATE users SET name = email RETURNING name', [u('email', 'name')]],
    [
      'a change in a common table expression',
      'WITH d AS (DELETE FROM users RETURNING *) SELECT email FROM d',
      [u('email')],
    ],
    ['a plan', 'EXPLAIN SELECT * FROM users', [[]]],
    ['a setting', 'SHOW search_path', [[]]],
  ])('through %s', (_, sql, expected) => {
    expect(sources(sql)).toEqual(expected)
  })

  test('without a schema are as the statement names them, every table a column may be of', () => {
    expect(sources('SELECT email, b.total AS t FROM a JOIN x.b ON true', {})).toEqual([
      ['a.email', 'x.b.email'],
      ['x.b.total'],
    ])
  })
})

describe('what cannot be told', () => {
  test.each<[string, string, ReturnType<typeof sources>]>([
    ['a function of the database', 'SELECT app.f(1), 2', ['unknown', []]],
    ['a function that reads by a string', "SELECT query_to_xml('TABLE users', true, true, '')", ['unknown']],
    ['an operator of the database', 'SELECT 1 OPERATOR(app.+) 2', ['unknown']],
    ['a function of a row', 'SELECT u.touch FROM users u', ['unknown']],
    [
      'a function after a value',
      "SELECT ('x').pg_read_file, (email).lo_get FROM users",
      ['unknown', 'unknown'],
    ],
    ['statistics of other tables', 'SELECT most_common_vals FROM pg_stats', ['unknown']],
    ['a table that is not in sight', 'SELECT stranger.email FROM users', ['unknown']],
    ['a star over a function', 'SELECT * FROM json_to_record($1)', 'unknown'],
    ['a star over a row', 'SELECT (u).* FROM users u', 'unknown'],
    ['two statements', 'SELECT 1; SELECT 2', 'unknown'],
    ['no query', 'EXECUTE p', 'unknown'],
    ['what does not parse', 'SELEC 1', 'unknown'],
  ])('is unknown: %s', (_, sql, expected) => {
    expect(sources(sql)).toEqual(expected)
  })

  test.each([
    ['a star', 'SELECT * FROM users', 'unknown'],
    ['a whole row', 'SELECT u FROM users u', ['unknown']],
    ['a function of the row', 'SELECT u.to_json FROM users u', ['unknown']],
    ['a renamed column', 'SELECT u.a FROM users u(a)', ['unknown']],
  ])('is unknown without a schema: %s', (_, sql, expected) => {
    expect(sources(sql, {})).toEqual(expected)
  })

  test('common table expressions that multiply end soon', () => {
    const chain = Array.from({ length: 40 }, (_, i) => `a${i + 1} AS (SELECT x.* FROM a${i} x, a${i} y)`)
    const wide = Array.from({ length: 40 }, (_, i) => `a${i + 1} AS (SELECT * FROM a${i} x, a${i} y)`)
    for (const ctes of [chain, wide]) {
      const start = performance.now()
      sources(`WITH a0 AS (SELECT * FROM users), ${ctes.join()} SELECT * FROM a40`)
      expect(performance.now() - start).toBeLessThan(1_000)
    }
  })

  test('a view that reads itself ends', () => {
    expect(sources('SELECT * FROM v', { views: { v: 'SELECT a FROM v' } })).toBe('unknown')
  })
})

test('what only decides on rows is told apart', () => {
  const sql = 'SELECT name FROM users WHERE email = $1 ORDER BY id'
  expect(sources(sql)).toEqual([u('name')])
  expect(rowSources(sql, known)).toEqual(u('email'))
  expect(rowSources(`${sql} LIMIT 1`, known)).toEqual(u('email', 'id', 'name'))
})

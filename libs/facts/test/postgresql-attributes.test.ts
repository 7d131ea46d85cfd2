// `(x).name` calls name(x) where x has no such field.
import { beforeAll, expect, test } from 'vitest'
import { postgresqlFacts, preparePostgresql } from '../src/sql/postgresql.ts'

beforeAll(preparePostgresql)

test.for([
  `SELECT ('/etc/hostname'::text).pg_read_file`,
  `SELECT (lower('/etc/hostname')).pg_read_file`,
  `SELECT ((SELECT '/etc/hostname'::text)).pg_read_file`,
  `SELECT (ARRAY['/etc/hostname'])[1].pg_read_file`,
  `SELECT ('s'::regclass).nextval`,
  `SELECT (x).nextval FROM (SELECT 's'::regclass) y(x)`,
  'SELECT (0::oid).lo_create',
  'SELECT (42::bigint).pg_advisory_lock',
  'SELECT (0.1::float8).pg_sleep',
  `SELECT ('select p from secret'::text).ts_stat`,
  `SELECT x.pg_read_file FROM lower('/etc/hostname') x`,
  `SELECT x.pg_read_file FROM lower('/etc/hostname') x(y)`,
  `SELECT lower.pg_read_file FROM lower('/etc/hostname')`,
  `SELECT x.pg_read_file FROM ROWS FROM (lower('/etc/hostname')) x`,
  `SELECT x.pg_read_file FROM unnest(ARRAY['a']) x`,
  `SELECT x.nextval FROM regclass('s') x`,
  'SELECT x.lo_create FROM generate_series(0,0) x',
  'SELECT a.nextval FROM t, to_regclass(t.x) a',
  `SELECT ('a'::text).touch`,
  'SELECT x.touch FROM generate_series(1,2) x',
  'SELECT (x).touch FROM generate_series(1,2) x',
  `SELECT ('a'||'b').pg_read_file`,
  `SELECT (CASE WHEN true THEN '/etc/hostname'::text END).pg_read_file`,
  `SELECT (coalesce('/etc/hostname'::text)).pg_read_file`,
  `SELECT s.pg_read_file FROM string_to_table('/etc/hostname',',') s`,
  'SELECT (current_user).pg_stat_file',
])('a function in the place of a field is told: %s', (sql) => {
  expect(postgresqlFacts(sql)).toMatchObject({ read_only: false })
})

test.for([
  'SELECT (jsonb_each_text(data)).* FROM t',
  'SELECT (jsonb_each(data)).key FROM t',
  'SELECT (x).key, x.value FROM t, jsonb_each(t.data) x',
  'SELECT (home).city, (u.home).street FROM users u',
  'SELECT (u).name FROM users u',
  'SELECT g.n, g FROM generate_series(1,10) AS g(n)',
  `SELECT d.d::date FROM generate_series('2024-01-01'::date, now(), '1 day') d`,
  'SELECT generate_series.generate_series FROM generate_series(1,3)',
  `SELECT e.elem->>'a', e.ordinality FROM t, jsonb_array_elements(t.data) WITH ORDINALITY e(elem, ordinality)`,
  'SELECT u.x, u.ordinality FROM unnest(ARRAY[1,2]) WITH ORDINALITY AS u(x)',
  `SELECT r.a FROM json_to_recordset('[]') AS r(a int, b text)`,
  'SELECT a.grantee FROM pg_class c, aclexplode(c.relacl) a',
  'SELECT w.word FROM pg_get_keywords() w',
  `SELECT m.m[1] FROM t, regexp_matches(t.a,'x','g') m`,
  `SELECT (regexp_match(a,'x'))[1], (array_agg(b order by c))[1] FROM t group by a`,
  `SELECT (ROW('a','b')::app.address).city`,
  `SELECT s.s FROM string_to_table('a,b',',') s`,
  `SELECT date_trunc.date_trunc FROM date_trunc('day', now())`,
  `SELECT (ts_parse('default', a)).token from t`,
  'SELECT x.word, x.ndoc from unnest(array[1]) y, lateral (select 1 as word, 2 as ndoc) x',
])('a field only reads: %s', (sql) => {
  expect(postgresqlFacts(sql)).toMatchObject({ read_only: true })
})

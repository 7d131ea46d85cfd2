import type { Type } from './differential-grammar.ts'
import type { Random } from './differential-random.ts'

const whole = [
  `nextval('s')::int`,
  `setval('app.ticket_seq', 5)::int`,
  'app.bump()',
  'app.lying()',
  'app.f()',
  '(1 OPERATOR(app.##) 2)',
  `lo_creat(-1)::int`,
  'pg_catalog.lo_create(0)::int',
  `(pg_try_advisory_lock(7))::int`,
  `length(set_config('work_mem', '5MB', false))`,
  `length(pg_notify('c', 'x')::text)`,
  `length(app.run('DELETE FROM app.counters')::text)`,
  `length(query_to_xml('SELECT app.bump()', true, true, '')::text)`,
  `cardinality(xpath('//x', query_to_xml('UPDATE app.counters SET n = 0 RETURNING n', false, false, '')))`,
  '(SELECT id FROM users LIMIT 1 FOR UPDATE)',
  `(SELECT public.touch(u) FROM users u LIMIT 1)`,
  `(SELECT x FROM nextval('s') AS x)::int`,
  `length(pg_export_snapshot())`,
  `length(setseed(0.5)::text)`,
  `lo_put(424242, 0, 'changed')::text::int`,
  `pg_current_xact_id()::text::int`,
]

const wrapped: Record<Type, (int: string) => string> = {
  int: (int) => int,
  num: (int) => `(${int})::numeric`,
  text: (int) => `(${int})::text`,
  bool: (int) => `(${int}) > 0`,
  date: (int) => `date '2020-01-01' + (${int})`,
  json: (int) => `to_jsonb(${int})`,
  texts: (int) => `ARRAY[(${int})::text]`,
}

/** An expression of a type that does more than compute. */
export function hazard(random: Random, type: Type): string {
  return wrapped[type](random.pick(whole))
}

/** A statement around a query: some only read, most do not. */
export function wrap(random: Random, sql: string): string {
  const around = [
    (q: string) => `EXPLAIN ${q}`,
    (q: string) => `EXPLAIN (FORMAT JSON, VERBOSE) ${q}`,
    (q: string) => `EXPLAIN ANALYZE ${q}`,
    (q: string) => `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${q}`,
    (q: string) => `SELECT count(*) FROM (${q}) q`,
    (q: string) => `TABLE users UNION ALL SELECT u.* FROM users u WHERE EXISTS (${q})`,
    (q: string) => `SELECT * INTO made_${random.below(1e9)} FROM (${q}) q`,
    (q: string) => `EXPLAIN ANALYZE SELECT * INTO made_${random.below(1e9)} FROM (${q}) q`,
    (q: string) => `CREATE TEMP TABLE made_${random.below(1e9)} AS ${q}`,
    (q: string) => `EXPLAIN ANALYZE CREATE TABLE made_${random.below(1e9)} AS ${q}`,
    (q: string) => `EXPLAIN (ANALYZE) CREATE MATERIALIZED VIEW made_${random.below(1e9)} AS ${q}`,
    (q: string) => `CREATE VIEW made_${random.below(1e9)} AS ${q}`,
    (q: string) => `INSERT INTO app.audit SELECT 'a', count(*)::text FROM (${q}) q`,
    (q: string) => `WITH d AS (DELETE FROM app.counters RETURNING n) SELECT * FROM (${q}) q`,
    (q: string) => `WITH d AS (UPDATE app.counters SET n = 7) SELECT 1 WHERE EXISTS (${q})`,
    (q: string) =>
      `EXPLAIN ANALYZE WITH d AS (INSERT INTO app.audit DEFAULT VALUES) SELECT 1 WHERE EXISTS (${q})`,
    (q: string) => `SELECT * FROM (${q}) q, users FOR UPDATE`,
    (q: string) => `SELECT * FROM users WHERE EXISTS (${q}) FOR KEY SHARE`,
    (q: string) => `DECLARE c${random.below(1e9)} CURSOR WITH HOLD FOR ${q}`,
    (q: string) => `PREPARE p${random.below(1e9)} AS ${q}`,
    (q: string) => `DELETE FROM app.counters WHERE EXISTS (${q})`,
    (q: string) =>
      `MERGE INTO app.counters c USING users u ON EXISTS (${q}) WHEN MATCHED THEN UPDATE SET n = 9`,
    (q: string) => `SELECT 1 LIMIT (SELECT count(*) FROM (${q}) q)`,
    (q: string) => `VALUES ((SELECT count(*) FROM (${q}) q)), (1)`,
  ]
  return random.pick(around)(sql)
}

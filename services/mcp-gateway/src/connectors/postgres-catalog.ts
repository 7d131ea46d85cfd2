// What PostgreSQL's catalogue knows of the relations a statement touches and of all that stands behind them: views,
// the tables that views are made of, partitions and their parents.
import type pg from 'pg'
import { qualifiedName } from '@mcpshield/facts/sql/statement'

export type Relation = {
  oid: number
  /** `schema.table`, as facts name it. */
  name: string
  /** r table, p partitioned table, v view, m materialized view, f foreign table, S sequence, t TOAST table. */
  kind: string
  /** Those that are there, in order. */
  columns: { name: string; number: number; /** What it is computed from. */ generated: string | null }[]
  /** What a view is made of, by the search path of the connection. */
  query: string | null
  /** A rule or a trigger may put other values in the place of those that a change returns. */
  rewritten: boolean
  parents: number[]
}

export type Catalog = {
  relations: Relation[]
  /** A function or operator of the database bears the name of one of PostgreSQL's own, and may be what ran. */
  overloaded: boolean
}

type Wanted = {
  /** Relations by number. */
  oids: number[]
  /** Relations by schema and name. */
  names: (readonly [schema: string, name: string])[]
  functions: string[]
  searchPath: string[]
}

export async function readCatalog(client: pg.PoolClient, wanted: Wanted): Promise<Catalog> {
  const { oids, names, functions, searchPath } = wanted
  const schemas = names.map(([schema]) => schema)
  const relations = await client.query<{ relation: Row }>({
    text: RELATIONS,
    values: [oids, schemas, names.map(([, name]) => name)],
  })
  const overloads = await client.query<{ overloaded: boolean }>({
    text: OVERLOADS,
    values: [functions, searchPath],
  })
  return {
    relations: relations.rows.map(({ relation: { schema, table, ...rest } }) => ({
      ...rest,
      name: qualifiedName(schema, table),
    })),
    overloaded: overloads.rows[0]?.overloaded ?? true,
  }
}

type Row = Omit<Relation, 'name'> & { schema: string; table: string }

/** The relations asked for; what views among them are made of; parents and children of all of these. */
const RELATIONS = `
with recursive seen (oid) as (
  select c.oid from pg_catalog.pg_class c where c.oid = any($1::pg_catalog.oid[])
  union
  select c.oid from rows from (pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[])) as wanted (schema, name)
    join pg_catalog.pg_namespace n on n.nspname = wanted.schema
    join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
  union
  select next.oid from seen cross join lateral (
    select d.refobjid from pg_catalog.pg_rewrite r join pg_catalog.pg_depend d
      on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      where r.ev_class = seen.oid and r.ev_type = '1'
    union all select i.inhparent from pg_catalog.pg_inherits i where i.inhrelid = seen.oid
    union all select i.inhrelid from pg_catalog.pg_inherits i where i.inhparent = seen.oid
  ) as next (oid)
)
select pg_catalog.json_build_object(
  'oid', c.oid::bigint, 'schema', n.nspname, 'table', c.relname, 'kind', c.relkind,
  'query', case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid) end,
  'rewritten', exists (select from pg_catalog.pg_rewrite r where r.ev_class = c.oid and r.ev_type <> '1')
    or exists (select from pg_catalog.pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgtype & 64 <> 0),
  'parents', array(select i.inhparent::bigint from pg_catalog.pg_inherits i where i.inhrelid = c.oid),
  'columns', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', a.attname, 'number', a.attnum,
      'generated', case when a.attgenerated <> '' then pg_catalog.pg_get_expr(e.adbin, e.adrelid) end
    ) order by a.attnum), '[]')
    from pg_catalog.pg_attribute a
    left join pg_catalog.pg_attrdef e on e.adrelid = a.attrelid and e.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
) as relation
from seen join pg_catalog.pg_class c on c.oid = seen.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace`

/** Code that is not part of an installed library and is found under a name that the statement uses. */
const OVERLOADS = `
select exists (
  select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
  where n.nspname <> 'pg_catalog' and n.nspname = any($2::text[]) and l.lanname not in ('internal', 'c') and (
    p.proname = any($1::text[])
    or exists (select from pg_catalog.pg_operator o where o.oprcode = p.oid)
    or exists (select from pg_catalog.pg_cast k where k.castfunc = p.oid))
) as overloaded`

// Queries over a database with canaries in it: every way a column's values can come to be in a result.
import { seeded } from './canary.ts'

/** Where rows come from, under the alias u, and what the canaries' column is called there. */
const FROM: readonly (readonly [from: string, column: string])[] = [
  ['users u', 'email'],
  ['public.users as u', 'email'],
  ['only users u', 'email'],
  ['users tablesample system (100) u', 'email'],
  ['users u (id, name, other, city)', 'other'],
  ['(select * from users) u', 'email'],
  ['(table users) u', 'email'],
  ['(select id, name, email as city, city as email from users) u', 'city'],
  ['(select id, name, lower(email) as made, city from users offset 0) u', 'made'],
  ['(select u1.* from users u1 join orders o on o.user_id = u1.id) u', 'email'],
  ['users u join orders o on o.user_id = u.id', 'email'],
  ['orders o left join users u on o.user_id = u.id', 'email'],
  ['users u natural join cities c', 'email'],
  ['users u join cities c using (city)', 'email'],
  ['orders o cross join lateral (select * from users where id = o.user_id) u', 'email'],
  ['(select id, name, email, city from users union all select 0, $$a$$, $$b$$, $$c$$) u', 'email'],
  ['(select id, name, email, city from users intersect select id, name, email, city from users) u', 'email'],
  ['(values ((select email from users where id = 1), 1, $$a$$, $$b$$)) u (email, id, name, city)', 'email'],
  ['contacts u', 'contact'],
  ['contacts_again u', 'reach'],
  ['whole u', 'made'],
  ['contacts_kept u', 'contact'],
  ['with_generated u', 'lowered'],
  ['with_generated u', 'email'],
  ['people u', 'email'],
  ['people_de u', 'email'],
  ['staff u', 'email'],
  ['lateral (select * from contacts) u', 'contact'],
  ['(with inner_one as (select * from users) select * from inner_one) u', 'email'],
]

/** What can be made of the column. `%` is the column. */
const SHOWN: readonly string[] = [
  '%',
  'u.%',
  '(u.%)',
  'upper(%)',
  'lower(u.%)',
  'reverse(%)',
  'initcap(%)',
  "encode(%::bytea, 'hex')",
  "encode(convert_to(%, 'UTF8'), 'base64')",
  'substr(%, 2, 9)',
  'substring(% from 3 for 8)',
  'left(%, 8)',
  'right(u.%, 8)',
  "% || '!'",
  "'<' || u.% || '>'",
  'concat(u.name, %)',
  "concat_ws('-', u.id, %)",
  "format('%s', u.%)",
  "coalesce(%, '')",
  "nullif(%, '')",
  'greatest(%, u.name)',
  "case when u.id > 0 then % else 'x' end",
  "case % when 'x' then 'y' else % end",
  '%::varchar(40)',
  'cast(% as char(40))',
  '% collate "C"',
  'trim(%)',
  "replace(%, 'x', 'y')",
  "translate(%, 'x', 'y')",
  "regexp_replace(%, '^.', '')",
  "split_part(%, '@', 1)",
  "(string_to_array(%, '@'))[1]",
  "(regexp_match(%, '^(.*)@'))[1]",
  'quote_literal(%)',
  'to_json(%)',
  'json_build_array(%)',
  "jsonb_build_object('e', %)",
  "jsonb_build_object('e', %) ->> 'e'",
  'array[%]',
  "array_to_string(array[%, 'x'], ',')",
  'row(%)',
  'row(%, 1)',
  'row(u.*)',
  'u',
  'u.*',
  'row_to_json(u)',
  'to_jsonb(u)',
  'to_json(u.*)',
  'u::text',
  '(u).%',
  "to_jsonb(u) -> '%'",
  "row_to_json(u) ->> '%'",
  'concat(u)',
  "format('%s', u)",
  '(select max(%))',
  '(select u.%)',
  '(select x from (select u.% as x) q)',
  'array(select u.%)',
  '(array_agg(%) over ())[1]',
  'max(%) over ()',
  'first_value(%) over (order by u.id)',
  'lag(%) over (order by u.id)',
  "string_agg(%, ',') over ()",
  '(select e.email from users e where e.id = u.id)',
  '(select min(contact) from contacts)',
  "coalesce((select contact from contacts where contact = u.%), '')",
  'unnest(array[%])',
  "regexp_split_to_table(%, '@')",
  'ascii(%)',
  'length(%)',
  '%::text::bytea',
  'convert_to(%, $$UTF8$$)',
  'json_object(array[%], array[u.name])',
]
const AGGREGATED: readonly string[] = [
  'max(%)',
  'min(u.%)',
  "string_agg(%, ',')",
  'array_agg(%)',
  'json_agg(%)',
  'jsonb_agg(u)',
  'json_agg(u.*)',
  'json_object_agg(u.id, %)',
  'array_agg(u)',
  "string_agg(upper(%), '' order by %)",
  'max(%) filter (where u.id > 0)',
  'mode() within group (order by %)',
  'percentile_disc(0.5) within group (order by %)',
  'max(u::text)',
  '(array_agg(%))[1]',
  'json_arrayagg(%)',
  'json_objectagg(u.id value %)',
]
const HARMLESS: readonly string[] = [
  'u.id',
  'u.name',
  '1 as one',
  'upper(u.name)',
  'current_date',
  'u.name as email',
]

const AROUND: readonly string[] = [
  '%',
  '%',
  'select * from (%) w',
  'with c as (%) select * from c',
  'with c as materialized (%) select c.* from c',
  '(%) union all (%)',
  '(%) union (%)',
  'select w from (%) w',
  'select row_to_json(w) from (%) w',
  'select to_jsonb(w.*) from (%) w',
  'select w::text from (%) w',
  'select w.* from (%) w limit 3',
  'with recursive r as ((%) union all select * from r where false) select * from r',
  'select x.* from (select 1) one, lateral (%) x',
  'with a as (%), b as (select * from a) select b from b',
  'explain %',
  'explain (verbose) %',
  'explain (analyze, timing off, verbose) %',
  'select array(select w from (%) w)',
  'select array_agg(w) from (%) w',
  'select count(*) from (%) w',
]

/** One query of the many. */
export function queryOf(number: number): string {
  const random = seeded(number * 7_919)
  const [from, column] = random.pick(FROM)
  const whole = random.below(6) === 0 ? AGGREGATED : SHOWN
  const outputs = Array.from({ length: 1 + random.below(3) }, (_, at) => {
    const made = random.pick(
      at === 0 || random.below(2) === 0 ? whole : whole === SHOWN ? HARMLESS : AGGREGATED,
    )
    const text = made.replaceAll('%s', '\0').replaceAll('%', column).replaceAll('\0', '%s')
    return /\bas \w+$|\*\)?$/.test(text) ? text : `${text} as o${at}`
  })
  const where = random.below(3) === 0 ? ` where u.${column} is not null` : ''
  const query = `select ${random.below(8) === 0 && whole === SHOWN ? 'distinct on (u.id) ' : ''}${outputs.join(', ')} from ${from}${where}`
  return random.pick(AROUND).replaceAll('%', () => query)
}

/** A database in which users, people, staff and what is made of them have canaries, and one table has none. */
export const worldOf = (canary: (id: number) => string) => `
  create table users (id int primary key, name text, email text, city text);
  insert into users select i, 'name ' || i, c, 'city' from (values (1, '${canary(1)}'), (2, '${canary(2)}')) v (i, c);
  create table orders (id int, user_id int, total numeric, note text);
  insert into orders values (1, 1, 10, 'a'), (2, 2, 20, 'b');
  create table cities (city text, country text); insert into cities values ('city', 'DE');
  create table people (id int, name text, email text, city text) partition by list (city);
  create table people_de partition of people for values in ('DE');
  create table people_fr partition of people for values in ('FR');
  insert into people values (1, 'p', '${canary(1)}', 'DE'), (2, 'q', '${canary(2)}', 'FR');
  create table staff (badge int) inherits (users);
  insert into staff values (3, 's', '${canary(3)}', 'city', 7);
  create table with_generated (id int, name text, city text, email text, lowered text generated always as (lower(email)) stored);
  insert into with_generated values (1, 'g', 'city', '${canary(1)}');
  create view contacts as select id, name, email as contact, city from users;
  create view contacts_again as select id, name, upper(contact) as reach, city from contacts;
  create view whole as select u.id, u.name, row_to_json(u)::text as made, u.city from users u;
  create materialized view contacts_kept as select * from contacts;
  create table scratch (id int, note text);
  create index on users (lower(email));
  analyze;
`

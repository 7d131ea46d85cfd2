// A database with something of everything that a statement may touch, or hide.
import type { Column, Table, Type } from './differential-grammar.ts'

export const worldDdl = `
CREATE SCHEMA app; CREATE SCHEMA hr; CREATE SCHEMA sales;
CREATE TYPE public.mood AS ENUM ('sad', 'fine', 'happy');
CREATE TYPE app.address AS (street text, city text);
CREATE DOMAIN app.positive AS int CHECK (VALUE > 0);
CREATE SEQUENCE app.ticket_seq;
CREATE SEQUENCE public.s;

CREATE TABLE public.users (
  id int PRIMARY KEY, name text NOT NULL, email text, born date, active bool, score numeric(10,2), tags text[],
  profile jsonb, mood public.mood DEFAULT 'fine', home app.address, manager_id int);
CREATE TABLE public.orders (
  id int PRIMARY KEY, user_id int REFERENCES public.users, total numeric(12,2), placed date, status text, note text,
  meta jsonb);
CREATE TABLE sales.items (order_id int, sku text, qty int, price numeric(10,2), PRIMARY KEY (order_id, sku));
CREATE TABLE public.events (
  id int PRIMARY KEY, user_id int, kind text, payload jsonb, at timestamptz, dur interval, source inet);
CREATE TABLE public.documents (id int, title text, body text, search tsvector, body_xml xml);
CREATE TABLE public.places (id int, at point, area box, reach circle, route path, region polygon);
CREATE TABLE public.bookings (id int, room text, during tstzrange, days daterange, seats int4range);
CREATE TABLE public."update" (id int, "delete" text, "drop" text, "select" int);
CREATE TABLE public."Größe" ("Zahl" int, "prénom" text, "semi;colon" text);
CREATE TABLE hr.salaries (user_id int, amount numeric, ssn text);
CREATE TABLE hr."Odd Name" ("Line ID" int, "Full Name" text);
CREATE TABLE sales.parts (id int, region text, v int) PARTITION BY LIST (region);
CREATE TABLE sales.parts_eu PARTITION OF sales.parts FOR VALUES IN ('eu');
CREATE TABLE sales.parts_us PARTITION OF sales.parts FOR VALUES IN ('us');
CREATE TABLE app.audit (at text, what text);
CREATE TABLE app.counters (name text PRIMARY KEY, n int);
CREATE TABLE app.base (id int, label text);
CREATE TABLE app.derived (extra text) INHERITS (app.base);

INSERT INTO public.users SELECT g, 'User ' || g, 'u' || g || '@example.com', date '1980-01-01' + 300 * g, g % 2 = 0,
  g * 1.5, ARRAY['t' || g % 3, 'all'], jsonb_build_object('plan', 'p' || g % 2, 'n', g, 'list', jsonb_build_array(g, 'x'),
  'address', jsonb_build_object('city', 'City ' || g)), 'happy', ROW('Street ' || g, 'City ' || g)::app.address, nullif(g / 2, 0)
  FROM generate_series(1, 8) g;
INSERT INTO public.orders SELECT g, 1 + g % 8, g * 10.25, date '2025-01-01' + 9 * g, (ARRAY['new', 'paid', 'sent'])[1 + g % 3],
  'note ' || g, jsonb_build_object('channel', 'web') FROM generate_series(1, 20) g;
INSERT INTO sales.items SELECT 1 + g % 20, 'SKU-' || g, 1 + g % 4, g FROM generate_series(1, 30) g;
INSERT INTO public.events SELECT g, 1 + g % 8, (ARRAY['login', 'view', 'buy'])[1 + g % 3], jsonb_build_object('n', g, 'tags',
  jsonb_build_array('a', 'b')), timestamptz '2025-03-01' + g * interval '7 hours', g * interval '1 minute', '10.0.0.1'
  FROM generate_series(1, 20) g;
INSERT INTO public.documents VALUES (1, 'Fox', 'the quick brown fox', to_tsvector('english', 'the quick brown fox'), '<r><a>1</a></r>');
INSERT INTO public.places VALUES (1, '(1,2)', '((0,0),(2,2))', '<(0,0),3>', '[(0,0),(1,1)]', '((0,0),(1,0),(1,1))');
INSERT INTO public.bookings VALUES (1, 'A', '[2025-01-01,2025-01-02)', '[2025-01-01,2025-01-03)', '[1,4)');
INSERT INTO public."update" VALUES (1, 'd', 'x', 5); INSERT INTO public."Größe" VALUES (1, 'Zoë', 'a;b');
INSERT INTO hr.salaries SELECT g, 1000 * g, '000-00-' || g FROM generate_series(1, 8) g;
INSERT INTO hr."Odd Name" VALUES (1, 'Case Variant');
INSERT INTO sales.parts VALUES (1, 'eu', 10), (2, 'us', 20);
INSERT INTO app.counters VALUES ('bumps', 0); INSERT INTO app.base VALUES (1, 'b'); INSERT INTO app.derived VALUES (2, 'd', 'e');

CREATE VIEW public.active_users AS SELECT id, name, email FROM public.users WHERE active;
CREATE VIEW hr.pay AS SELECT u.name, s.amount FROM public.users u JOIN hr.salaries s ON s.user_id = u.id;
CREATE MATERIALIZED VIEW sales.totals AS SELECT status, sum(total) AS total FROM public.orders GROUP BY 1;
CREATE INDEX ON public.orders (user_id); CREATE INDEX ON public.users (lower(email));

CREATE FUNCTION app.tax(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT round($1 * 0.19, 2)';
CREATE FUNCTION app.bump() RETURNS int LANGUAGE sql AS 'UPDATE app.counters SET n = n + 1 RETURNING n';
CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'UPDATE app.counters SET n = n + 1 RETURNING n';
CREATE FUNCTION public.touch(public.users) RETURNS int LANGUAGE sql AS 'UPDATE app.counters SET n = n + 1 RETURNING n';
CREATE FUNCTION app.lying() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN app.bump(); END';
CREATE FUNCTION app.run(q text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE q; END';
CREATE FUNCTION app.op(int, int) RETURNS int LANGUAGE sql AS 'UPDATE app.counters SET n = n + $1 RETURNING n';
CREATE OPERATOR app.## (LEFTARG = int, RIGHTARG = int, FUNCTION = app.op);
CREATE PROCEDURE app.proc() LANGUAGE sql AS 'DELETE FROM app.audit';
CREATE FUNCTION app.log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.audit VALUES ('now', TG_TABLE_NAME); RETURN NULL; END $$;
CREATE TRIGGER logged AFTER INSERT OR UPDATE OR DELETE ON public.orders FOR EACH ROW EXECUTE FUNCTION app.log();
CREATE RULE also AS ON INSERT TO sales.items DO ALSO INSERT INTO app.audit VALUES ('now', 'items');
SELECT lo_from_bytea(424242, 'large');
`

const columns = (list: Record<string, Type>): Column[] =>
  Object.entries(list).map(([name, type]) => ({ name, type }))

/** The tables and views of the world, as far as their columns are of the generated types. */
export const worldTables: Table[] = [
  {
    schema: 'public',
    name: 'users',
    columns: columns({
      id: 'int',
      name: 'text',
      email: 'text',
      born: 'date',
      active: 'bool',
      score: 'num',
      tags: 'texts',
      profile: 'json',
    }),
  },
  {
    schema: 'public',
    name: 'orders',
    columns: columns({ id: 'int', user_id: 'int', total: 'num', placed: 'date', note: 'text', meta: 'json' }),
  },
  { schema: 'public', name: 'active_users', columns: columns({ id: 'int', name: 'text', email: 'text' }) },
  { schema: 'public', name: 'update', columns: columns({ id: 'int', delete: 'text', select: 'int' }) },
  { schema: 'public', name: 'Größe', columns: columns({ Zahl: 'int', prénom: 'text' }) },
  {
    schema: 'sales',
    name: 'items',
    columns: columns({ order_id: 'int', sku: 'text', qty: 'int', price: 'num' }),
  },
  { schema: 'sales', name: 'parts', columns: columns({ id: 'int', region: 'text', v: 'int' }) },
  { schema: 'sales', name: 'totals', columns: columns({ status: 'text', total: 'num' }) },
  { schema: 'hr', name: 'salaries', columns: columns({ user_id: 'int', amount: 'num', ssn: 'text' }) },
  { schema: 'hr', name: 'pay', columns: columns({ name: 'text', amount: 'num' }) },
  { schema: 'hr', name: 'Odd Name', columns: columns({ 'Line ID': 'int', 'Full Name': 'text' }) },
  { schema: 'app', name: 'base', columns: columns({ id: 'int', label: 'text' }) },
]

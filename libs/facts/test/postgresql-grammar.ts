import type { Dialect, Maker, Making, Scope, Type } from './differential-grammar.ts'

const hole = /\{(=|int|num|texts?|bool|date|json)\}/g

/** A maker from a pattern: `{int}` is an expression of that type. */
const pattern =
  (text: string): Maker =>
  (make, scope, depth) =>
    filled(text, (type) => make.expression(type, scope, depth))

/** `{int}` becomes an expression of the type, `{=}` the same one as before it. */
function filled(text: string, make: (type: Type) => string): string {
  let last = ''
  return text.replaceAll(hole, (_, type: Type | '=') => (type === '=' ? last : (last = make(type))))
}

const patterns = (...texts: string[]) => texts.map(pattern)

/** A maker of a query that stands inside an expression; `?` is the query. */
const withQuery =
  (text: string, ...types: Type[]): Maker =>
  (make, scope, depth) =>
    depth < 1
      ? make.dialect.literal('bool', make.random)
      : text
          .replace('?', () => make.query(types, scope, depth - 1).sql)
          .replaceAll(hole, (_, type: Type) => make.expression(type, scope, depth))

const aggregate = (...texts: string[]): Maker[] => patterns(...texts)

/** PostgreSQL's ways. Everything here has one answer, however the rows lie and whenever it is asked. */
export const postgresql: Dialect = {
  types: ['int', 'num', 'text', 'bool', 'date', 'json', 'texts'],
  literal: (type, random) => {
    const literals: Record<Type, readonly string[]> = {
      int: ['0', '1', '42', '-7', 'NULL::int', '0x1F', '1_000'],
      num: ['1.5', '0.001', '2::numeric', "'7'::numeric"],
      text: ["'a'", "'it''s'", "E'\\\\n'", '$$d$$', "U&'\\0061'", "'%'", "'DELETE FROM users'", 'NULL::text'],
      bool: ['true', 'false', 'NULL::bool', '(1 = 1)'],
      date: ["DATE '2020-02-29'", "'2021-01-01'::date", 'make_date(2024, 1, 31)'],
      json: [`'{"n": 1, "s": "x", "l": ["a", "b"]}'::jsonb`, "'[]'::jsonb", "'null'::jsonb"],
      texts: ["ARRAY['a', 'b']", "'{}'::text[]", "string_to_array('x,y', ',')"],
    }
    return random.pick(literals[type])
  },
  expressions: {
    int: patterns(
      'length({text})',
      '({int} % 1000 + {int} % 1000)',
      '({int} % 100 - 3)',
      'mod({int}, 7)',
      'abs({int} % 1000)',
      'extract(year FROM {date})::int',
      "date_part('dow', {date})::int",
      'array_length({texts}, 1)',
      'cardinality({texts})',
      "position('a' IN {text})",
      'greatest({int}, {int})',
      'nullif({int}, {int})',
      '({date} - {date})',
      'CAST({bool} AS int)',
      'num_nulls({text}, {int})',
      'array_position({texts}, {text})',
      'strpos({text}, {text})',
      'char_length({text})',
      'json_array_length(to_json({texts}))',
      'ascii({text})',
      'sign({int})::int',
      "regexp_count({text}, 'a')",
      'round({num} % 1000)::int',
    ),
    num: patterns(
      '({num} % 1000 * 1.1)',
      'round({num}, 1)',
      '{int}::numeric',
      'abs({num})',
      'trunc({num} % 100)',
      'least({num}, {num})',
      '(- {num})',
      'OPERATOR(pg_catalog.-) {num}',
    ),
    text: [
      ...patterns(
        '({text} || {text})',
        'upper({text})',
        'substring({text} FROM 1 FOR 3)',
        "substring({text} from '[a-z]+')",
        "overlay({text} placing 'x' from 1)",
        'trim(both FROM {text})',
        "replace({text}, 'a', {text})",
        "regexp_replace({text}, '[aeiou]', '*', 'g')",
        "concat_ws(',', {text}, {int}, {bool})",
        "format('%s-%L-%I', {text}, {int}, 'i')",
        "to_char({date}, 'YYYY-MM')",
        "to_char({num}, '999D9')",
        "lpad({text}, 5, '*')",
        'md5({text})',
        "({json} ->> 's')",
        "({json} #>> '{l,0}')",
        '({texts})[1]',
        '{int}::text',
        "array_to_string({texts}, ',')",
        "split_part({text}, '@', 1)",
        'reverse({text})',
        '({text} COLLATE "C")',
        "encode(convert_to({text}, 'UTF8'), 'hex')",
        "json_value({json}, '$.s')",
        'row_to_json(ROW({int}, {text}))::text',
        'pg_typeof({date})::text',
        "json_serialize(JSON_OBJECT('k': {text}))",
        'quote_nullable({text})',
        "translate({text}, 'ab', 'xy')",
        '({text} OPERATOR(pg_catalog.||) {text})',
        'nullif({text}, {text})',
        'normalize({text}, NFC)',
        'ROW({int}, {text})::text',
        'array_agg_text({texts})'.replace('array_agg_text', 'array_dims'),
      ),
      wholeRow('row_to_json(?)::text'),
      wholeRow('(?)::text'),
      wholeRow('jsonb_build_array(?)::text'),
    ],
    bool: [
      ...patterns(
        '({int} < {int})',
        '({text} = {text})',
        '({num} >= {num})',
        '({date} <> {date})',
        '({bool} AND {bool})',
        '({bool} OR {bool})',
        '(NOT {bool})',
        '({text} IS NULL)',
        '({int} IS DISTINCT FROM {int})',
        '({int} BETWEEN {int} AND {int})',
        '({date} BETWEEN SYMMETRIC {date} AND {date})',
        '({int} IN (1, 2, {int}))',
        "({text} LIKE '%a%')",
        '({text} ILIKE {text})',
        "({text} ~* 'a|b')",
        "({text} SIMILAR TO '(a|b)%')",
        '({text} = ANY ({texts}))',
        "({text} LIKE ANY (ARRAY['a%', '%b']))",
        "({json} ? 's')",
        `({json} @> '{"n": 1}')`,
        '(({date}, {date}) OVERLAPS ({date}, {date}))',
        '({text} IS JSON)',
        '(ROW({int}, {text}) < ROW({int}, {text}))',
        "starts_with({text}, 'a')",
        '({int} OPERATOR(pg_catalog.=) {int})',
        '({bool} IS NOT TRUE)',
        '({texts} && {texts})',
        "({json} @? '$.l[*]')",
        "json_exists({json}, '$.s')",
        "jsonb_path_match({json}, 'exists($.n)')",
      ),
      withQuery('EXISTS (?)', 'int'),
      withQuery('NOT EXISTS (?)', 'text', 'int'),
      withQuery('{int} IN (?)', 'int'),
      withQuery('{text} NOT IN (?)', 'text'),
      withQuery('({int}, {text}) IN (?)', 'int', 'text'),
      withQuery('{int} > ALL (?)', 'int'),
      withQuery('{text} = ANY (?)', 'text'),
      withQuery('ROW({int}, {int}) = ANY (?)', 'int', 'int'),
    ],
    date: patterns(
      '({date} + {int} % 1000)',
      "date_trunc('month', {date})::date",
      '({date} - 3)',
      'greatest({date}, {date})',
      "({date} + interval '1 day')::date",
      "(({date}::timestamp AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Berlin')::date",
    ),
    json: patterns(
      "jsonb_build_object('k', {text}, 'n', {int})",
      'to_jsonb({texts})',
      'to_jsonb({num})',
      "({json} -> 'l')",
      '({json} || {json})',
      "jsonb_set(jsonb_build_object('k', {text}), '{k}', to_jsonb(coalesce({int}, 0)))",
      "json_query({json}, '$.l' WITH WRAPPER)",
      "JSON_OBJECT('a': {text}, 'b': {date} RETURNING jsonb)",
      'JSON_ARRAY({int}, {text} RETURNING jsonb)',
      "jsonb_path_query_first({json}, '$.l[0]')",
      'jsonb_strip_nulls({json})',
      "(jsonb_build_object('s', {text}, 'r', {int}) - 's')",
    ),
    texts: [
      ...patterns(
        'ARRAY[{text}, {text}]',
        "string_to_array({text}, ',')",
        'array_append({texts}, {text})',
        '({texts} || {texts})',
        "regexp_split_to_array({text}, 'a')",
        "array_remove({texts}, 'a')",
        '({texts})[1:2]',
        "regexp_match({text}, '(a)')",
      ),
      withQuery('ARRAY(SELECT q.* FROM (?) q ORDER BY 1)', 'text'),
    ].map((maker): Maker => (make, scope, depth) => {
      const sql = maker(make, scope, depth)
      return /^(true|false|NULL::bool|\(1 = 1\))$/.test(sql) ? "'{}'::text[]" : sql
    }),
  },
  aggregates: {
    int: aggregate(
      'max({int})',
      'count(*)::int',
      'count({text})::int',
      'count(DISTINCT {date})::int',
      'sum({int} % 100)::int',
      'min(length({text})) FILTER (WHERE {bool})',
    ),
    num: aggregate(
      'avg({num})',
      'sum({num})',
      'percentile_cont(0.5) WITHIN GROUP (ORDER BY {int})::numeric',
      'max({num})',
    ),
    text: aggregate(
      "string_agg({text}, ',' ORDER BY {=})",
      'max({text})',
      'mode() WITHIN GROUP (ORDER BY {text})',
      'min({text} COLLATE "C")',
    ),
    bool: aggregate('bool_or({bool})', 'every({bool})'),
    date: aggregate('max({date})', 'min({date})'),
    json: aggregate(
      'jsonb_agg({text} ORDER BY {=})',
      "jsonb_object_agg(coalesce({text}, 'k'), 1)",
      'JSON_ARRAYAGG({int} ORDER BY {=} RETURNING jsonb)',
    ),
    texts: aggregate('array_agg({text}::text ORDER BY {=})'),
  },
  windows: {
    int: ['row_number()', 'max(?)', 'lag(?, 1, 0)', 'rank()']
      .map((call) => (/row|rank/.test(call) ? `(${call})` : call))
      .filter((call) => !call.startsWith('(')),
    num: ['sum(?)', 'avg(?)'],
    text: ['first_value(?)', 'lead(?)', 'max(?)'],
    bool: ['bool_and(?)'],
    date: ['nth_value(?, 2)'],
    json: [],
    texts: [],
  },
  sources: [
    fromFunction('generate_series(1, 3)', '(v)', ['int']),
    fromFunction('unnest({texts})', '(w)', ['text']),
    fromFunction('unnest({texts}) WITH ORDINALITY', '(w, v)', ['text', 'int']),
    fromFunction("jsonb_each_text(jsonb_build_object('a', {text}))", '(name, note)', ['text', 'text']),
    fromFunction("string_to_table({text}, ',')", '(w)', ['text']),
    fromFunction('ROWS FROM (generate_series(1, 2), unnest({texts}))', '(v, w)', ['int', 'text']),
    fromFunction(
      "jsonb_to_record(jsonb_build_object('n', {int}, 's', {text}))",
      '(n int, s text)',
      ['int', 'text'],
      ['n', 's'],
    ),
    fromFunction(
      `JSON_TABLE({json}, '$' COLUMNS (v int PATH '$.n', w text PATH '$.s'))`,
      '',
      ['int', 'text'],
      ['v', 'w'],
    ),
    fromFunction(
      `XMLTABLE('/r' PASSING xmlelement(name r, {text}) COLUMNS w text PATH '.')`,
      '',
      ['text'],
      ['w'],
    ),
  ],
  sampled: [' TABLESAMPLE system (100)', ' TABLESAMPLE bernoulli (100) REPEATABLE (1)'],
  lateral: true,
  groupings: ['?', '?', 'ROLLUP (?)', 'CUBE (?)', 'GROUPING SETS ((?), ())', 'DISTINCT ?'],
  everyCteIsRecursive: false,
  cteOptions: ['', '', 'MATERIALIZED ', 'NOT MATERIALIZED '],
}

/** The row of a source as a whole; `?` is its name. */
function wholeRow(text: string): Maker {
  return ({ random }: Making, scope: Scope) =>
    scope.sources.length === 0 ? "'none'" : text.replace('?', () => random.pick(scope.sources).alias)
}

function fromFunction(
  call: string,
  list: string,
  types: Type[],
  given?: string[],
): Dialect['sources'][number] {
  const named = given ?? list.replaceAll(/[()\s]/g, '').split(',')
  return (make, scope, depth, alias) => ({
    sql: `${pattern(call)(make, scope, depth)} AS ${alias}${list}`,
    columns: types.map((type, at) => ({ name: named[at] as string, type })),
  })
}

import type { Dialect, Maker, Type } from './differential-grammar.ts'

const hole = /\{(int|num|text|bool|date|json)\}/g

const patterns = (...texts: string[]) =>
  texts.map(
    (text): Maker =>
      (make, scope, depth) =>
        text.replaceAll(hole, (_, type: Type) => make.expression(type, scope, depth)),
  )

const withQuery =
  (text: string, ...types: Type[]): Maker =>
  (make, scope, depth) =>
    depth < 1
      ? '1'
      : text
          .replace('?', () => make.query(types, scope, depth - 1).sql)
          .replaceAll(hole, (_, type: Type) => make.expression(type, scope, depth))

/** SQLite's ways. */
export const sqlite: Dialect = {
  types: ['int', 'num', 'text', 'bool', 'date', 'json'],
  literal: (type, random) => {
    const literals: Record<Type, readonly string[]> = {
      int: ['0', '1', '42', '-7', 'NULL', '0x1F'],
      num: ['1.5', '.5', '1e3'],
      text: ["'a'", "'it''s'", "'DELETE FROM users'", "x'61'", "'; --'"],
      bool: ['true', 'FALSE', '1', '(1 = 1)'],
      date: ["'2020-02-29'", "date('now')", 'current_date'],
      json: [`'{"n":1,"s":"x","l":["a","b"]}'`, "'[]'"],
      texts: ["'a'"],
    }
    return random.pick(literals[type])
  },
  expressions: {
    int: patterns(
      'length({text})',
      '({int} + {int})',
      '({int} % 7)',
      'abs({int} % 1000)',
      "instr({text}, 'a')",
      'max({int}, {int})',
      'nullif({int}, {int})',
      "CAST(strftime('%Y', {date}) AS INTEGER)",
      'unicode({text})',
      'iif({bool}, {int}, {int})',
      'json_array_length({json})',
      '({int} << 2 | 1)',
      '(- {int})',
      '(~ {int})',
      "json_extract({json}, '$.n')",
    ),
    num: patterns(
      '({num} * 1.1)',
      'round({num}, 1)',
      'CAST({int} AS REAL)',
      'min({num}, {num})',
      'sqrt(abs({num}))',
    ),
    text: patterns(
      '({text} || {text})',
      'upper({text})',
      'substr({text}, 1, 3)',
      "trim({text}, 'x')",
      "replace({text}, 'a', {text})",
      "printf('%s-%d', {text}, {int})",
      'hex({text})',
      'quote({text})',
      'typeof({int})',
      'CAST({int} AS TEXT)',
      'ifnull({text}, {text})',
      '({text} COLLATE NOCASE)',
      "({json} ->> '$.s')",
      "concat_ws(',', {text}, {int})",
      'json_object({text}, {int})',
      "strftime('%Y-%m', {date})",
    ),
    bool: [
      ...patterns(
        '({int} < {int})',
        '({text} = {text})',
        '({text} == {text} COLLATE NOCASE)',
        '({num} >= {num})',
        '({bool} AND {bool})',
        '({bool} OR {bool})',
        '(NOT {bool})',
        '({text} IS NULL)',
        '({text} NOTNULL)',
        '({int} IS NOT {int})',
        '({int} BETWEEN {int} AND {int})',
        '({int} IN (1, 2, {int}))',
        "({text} LIKE '%a%')",
        "({text} GLOB 'a*')",
        '({int}, {text}) < ({int}, {text})',
        '({bool} IS TRUE)',
        '({int} IN ())',
      ),
      withQuery('EXISTS (?)', 'int'),
      withQuery('NOT EXISTS (?)', 'text', 'int'),
      withQuery('{int} IN (SELECT * FROM (?))', 'int'),
      withQuery('{text} NOT IN (SELECT * FROM (?))', 'text'),
      withQuery('({int}, {text}) IN (SELECT * FROM (?))', 'int', 'text'),
    ],
    date: patterns("date({date}, '+1 day')", "datetime({date}, 'start of month')", 'max({date}, {date})'),
    json: patterns(
      "json_object('k', {text}, 'n', {int})",
      "json_set({json}, '$.n', {int})",
      "json_extract({json}, '$.l')",
      'json_array({int}, {text})',
      "({json} -> '$.l')",
      "json_patch({json}, '{}')",
    ),
    texts: [],
  },
  aggregates: {
    int: patterns(
      'max({int})',
      'count(*)',
      'count({text})',
      'count(DISTINCT {date})',
      'sum({int}) FILTER (WHERE {bool})',
    ),
    num: patterns('avg({num})', 'total({num})', 'median({num})'),
    text: patterns("group_concat({text}, ',')", 'max({text})', "string_agg({text}, ';' ORDER BY {int})"),
    bool: patterns('max({bool})'),
    date: patterns('max({date})', 'min({date})'),
    json: patterns('json_group_array({text})', "json_group_object('k', {int})"),
    texts: [],
  },
  windows: {
    int: ['row_number()', 'max(?)', 'lag(?, 1, 0)', 'rank()', 'ntile(3)'],
    num: ['sum(?)', 'avg(?)'],
    text: ['first_value(?)', 'lead(?)'],
    bool: [],
    date: ['nth_value(?, 2)'],
    json: [],
    texts: [],
  },
  sources: [
    (make, scope, depth, alias) => ({
      sql: `json_each(${make.expression('json', scope, depth)}) AS ${alias}`,
      columns: [
        { name: 'key', type: 'text' },
        { name: 'value', type: 'text' },
      ],
    }),
    (make, scope, depth, alias) => ({
      sql: `json_tree(${make.expression('json', scope, depth)}, '$.l') AS ${alias}`,
      columns: [
        { name: 'fullkey', type: 'text' },
        { name: 'atom', type: 'text' },
      ],
    }),
    (_make, _scope, _depth, alias) => ({
      sql: `pragma_table_info('users') AS ${alias}`,
      columns: [
        { name: 'cid', type: 'int' },
        { name: 'type', type: 'text' },
      ],
    }),
  ],
  sampled: [' NOT INDEXED'],
  lateral: false,
  groupings: ['?'],
  everyCteIsRecursive: true,
  cteOptions: ['', '', 'MATERIALIZED ', 'NOT MATERIALIZED '],
}

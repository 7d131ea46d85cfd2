// Changes of the schema: which objects they name, and what else they reach.
import { core, named, tableBody } from './mysql-table-body.ts'
import { effect, tableName, type Walk } from './mysql-names.ts'
import {
  accept,
  acceptAll,
  atEnd,
  expect,
  expectSign,
  is,
  isAt,
  isSign,
  list,
  name,
  next,
  peek,
} from './mysql-reader.ts'

/** True where a change of the schema begins. */
export function isSchemaChange({ r }: Walk): boolean {
  return is(r, 'CREATE', 'ALTER', 'DROP', 'RENAME')
}

/** Reads a change of the schema. */
export function schemaChange(walk: Walk): void {
  const { r } = walk
  const from = r.at
  change(walk)
  const opaque = walk.effects.some(({ resource }) => typeof resource === 'object' && resource !== null)
  if (!opaque) walk.cores.push({ from, to: r.at, kind: 'schema' })
}

function change(walk: Walk): void {
  const { r } = walk
  if (accept(r, 'CREATE')) create(walk)
  else if (accept(r, 'ALTER')) alter(walk)
  else if (accept(r, 'DROP')) drop(walk)
  else if (accept(r, 'RENAME') && accept(r, 'TABLE', 'TABLES')) rename(walk)
  else administration(walk)
}

/** Moves to the end of the text: what is left holds statements of its own, or nothing that names data. */
export function skipAll({ r }: Walk): void {
  r.at = r.tokens.length - 1
}

/** Moves to the end of the statement. */
export function skip({ r }: Walk): void {
  while (!atEnd(r)) next(r)
}

function administration(walk: Walk): void {
  effect(walk, 'admin', { unknown: 'the statement changes the server rather than data that has a name' })
  skip(walk)
}

function stored(walk: Walk): void {
  effect(walk, 'schema', { unknown: 'what a stored program does is not looked into' })
  skipAll(walk)
}

function ifExists({ r }: Walk): void {
  if (!acceptAll(r, 'IF', 'NOT', 'EXISTS')) acceptAll(r, 'IF', 'EXISTS')
}

const programs = ['TRIGGER', 'PROCEDURE', 'FUNCTION', 'EVENT', 'PACKAGE', 'AGGREGATE']

function create(walk: Walk): void {
  const { r } = walk
  acceptAll(r, 'OR', 'REPLACE')
  const temporary = accept(r, 'TEMPORARY')
  if (accept(r, 'TABLE')) return createTable(walk)
  if (temporary) return administration(walk)
  if (accept(r, 'DATABASE', 'SCHEMA')) return database(walk)
  if (accept(r, 'SEQUENCE')) return sequence(walk)
  accept(r, 'UNIQUE', 'FULLTEXT', 'SPATIAL')
  if (accept(r, 'INDEX')) return index(walk)
  definition(walk)
}

function database(walk: Walk): void {
  ifExists(walk)
  const own = name(walk.r)
  walk.otherNames.add(own)
  effect(walk, 'schema', own)
  skip(walk)
}

function sequence(walk: Walk): void {
  ifExists(walk)
  named(walk)
  tableBody(walk)
}

/** A view or a stored program, behind who owns it. */
function definition(walk: Walk): void {
  const { r } = walk
  while (!atEnd(r) && !is(r, 'VIEW', ...programs)) {
    const start = r.at
    if (accept(r, 'ALGORITHM', 'DEFINER')) expectSign(r, '=')
    else acceptAll(r, 'SQL', 'SECURITY')
    if (r.at === start) return administration(walk)
    next(r)
    // `DEFINER = user@host`, `DEFINER = CURRENT_USER()`.
    while (!is(r, 'VIEW', 'SQL', 'DEFINER', 'ALGORITHM', ...programs) && !atEnd(r)) next(r)
  }
  if (!accept(r, 'VIEW')) return stored(walk)
  ifExists(walk)
  named(walk)
  if (isSign(r, '(')) r.at = peek(r).pair + 1
  expect(r, 'AS')
  core(walk)
  if (!accept(r, 'WITH')) return
  accept(r, 'CASCADED', 'LOCAL')
  expect(r, 'CHECK')
  expect(r, 'OPTION')
}

function createTable(walk: Walk): void {
  const { r } = walk
  ifExists(walk)
  named(walk)
  const bracketed = isSign(r, '(') && isAt(r, 1, 'LIKE')
  if (bracketed) next(r)
  if (accept(r, 'LIKE')) {
    effect(walk, 'read', tableName(walk).resource)
    if (bracketed) expectSign(r, ')')
    return
  }
  tableBody(walk)
}

function index(walk: Walk): void {
  const { r } = walk
  ifExists(walk)
  name(r)
  if (accept(r, 'USING')) expect(r, 'BTREE', 'HASH', 'RTREE')
  expect(r, 'ON')
  named(walk)
  tableBody(walk)
}

function alter(walk: Walk): void {
  const { r } = walk
  accept(r, 'ONLINE', 'OFFLINE')
  accept(r, 'IGNORE')
  if (accept(r, 'TABLE')) {
    ifExists(walk)
    named(walk)
    if (accept(r, 'WAIT')) next(r)
    else accept(r, 'NOWAIT')
    return tableBody(walk)
  }
  if (accept(r, 'SEQUENCE')) return sequence(walk)
  if (accept(r, 'DATABASE', 'SCHEMA')) {
    effect(walk, 'schema', { unknown: 'every table of the database' })
    return skip(walk)
  }
  definition(walk)
}

function drop(walk: Walk): void {
  const { r } = walk
  accept(r, 'TEMPORARY')
  if (accept(r, 'TABLE', 'TABLES', 'VIEW', 'SEQUENCE')) {
    ifExists(walk)
    list(r, () => named(walk))
    accept(r, 'RESTRICT', 'CASCADE')
    return
  }
  if (accept(r, 'INDEX')) {
    ifExists(walk)
    if (!accept(r, 'PRIMARY')) name(r)
    expect(r, 'ON')
    named(walk)
    return skip(walk)
  }
  if (accept(r, 'PROCEDURE', 'FUNCTION', 'EVENT')) {
    ifExists(walk)
    return named(walk)
  }
  if (!is(r, 'DATABASE', 'SCHEMA', 'TRIGGER', 'PACKAGE')) return administration(walk)
  const what = is(r, 'TRIGGER', 'PACKAGE') ? 'the statement names no table' : 'every table of the database'
  effect(walk, 'schema', { unknown: what })
  skip(walk)
}

function rename(walk: Walk): void {
  const { r } = walk
  ifExists(walk)
  list(r, () => {
    named(walk)
    if (accept(r, 'WAIT')) next(r)
    else accept(r, 'NOWAIT')
    expect(r, 'TO')
    named(walk)
  })
}

// Changes of the schema: which objects they name, and what else they reach.
import { effect, inside, tableName, type Walk } from './mysql-names.ts'
import { isQuery, query } from './mysql-query.ts'
import {
  accept,
  acceptAll,
  acceptSign,
  atEnd,
  expect,
  expectSign,
  is,
  isAt,
  isName,
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

function named(walk: Walk): void {
  effect(walk, 'schema', tableName(walk).resource)
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

/** A query inside a change of the schema, which other parsers are shown too. */
function core(walk: Walk): void {
  const from = walk.r.at
  query(walk, inside(null))
  walk.cores.push({ from, to: walk.r.at, kind: 'query' })
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

const tableEngines = /^(INNODB|MYISAM|ARIA|MEMORY|HEAP|ARCHIVE|ROCKSDB|COLUMNSTORE|BLACKHOLE|SEQUENCE)$/

/**
 * Columns, keys, options and partitions, token by token: what matters are the other tables, the files and the
 * servers that they may name.
 */
function tableBody(walk: Walk): void {
  const { r } = walk
  while (!atEnd(r)) {
    if (isBodyQuery(walk)) return core(walk)
    else if (accept(r, 'TABLE')) otherTable(walk)
    else if (accept(r, 'REFERENCES')) effect(walk, 'read', tableName(walk).resource)
    else if (accept(r, 'RENAME')) renamed(walk)
    else if (is(r, 'UNION') && (isSign(r, '=', 1) || isSign(r, '(', 1))) merged(walk)
    else option(walk)
  }
}

/** Rows are read from another table, unless partitions are exchanged with it. */
function otherTable(walk: Walk): void {
  const exchanged = isAt(walk.r, -2, 'WITH', 'TO', 'CONVERT')
  const { resource } = tableName(walk)
  effect(walk, exchanged ? 'schema' : 'read', resource)
}

/** A query that fills the table. VALUES, TABLE and WITH have other meanings among columns and partitions. */
function isBodyQuery(walk: Walk): boolean {
  const { r } = walk
  if (is(r, 'VALUES', 'TABLE')) return isAt(r, -1, 'AS') || isAt(r, 1, 'ROW')
  if (is(r, 'WITH'))
    return isAt(r, 1, 'RECURSIVE') || (isName(r, 1) && (isAt(r, 2, 'AS') || isSign(r, '(', 2)))
  return isQuery(walk)
}

/** `RENAME TO x` names a table; RENAME COLUMN, INDEX and KEY do not. */
function renamed(walk: Walk): void {
  const { r } = walk
  if (is(r, 'COLUMN', 'INDEX', 'KEY')) {
    next(r)
    acceptAll(r, 'IF', 'EXISTS')
    name(r)
    expect(r, 'TO')
    name(r)
    return
  }
  if (!accept(r, 'TO', 'AS')) acceptSign(r, '=')
  named(walk)
}

/** The tables under one of the engine MERGE. */
function merged(walk: Walk): void {
  const { r } = walk
  next(r)
  acceptSign(r, '=')
  expectSign(r, '(')
  if (!isSign(r, ')')) list(r, () => effect(walk, 'read', tableName(walk).resource))
  expectSign(r, ')')
}

const outside = 'the table is kept in a file or on a server that is named in the statement'

function option(walk: Walk): void {
  const { r } = walk
  if (is(r, 'ENGINE', 'TYPE') && (isSign(r, '=', 1) || peek(r, 1).kind === 'word')) {
    next(r)
    acceptSign(r, '=')
    if (!tableEngines.test(peek(r).text.toUpperCase())) effect(walk, 'admin', { unknown: outside })
  } else if (is(r, 'CONNECTION', 'DIRECTORY', 'TABLESPACE') || isForeignOption(walk)) {
    effect(walk, 'admin', { unknown: outside })
  }
  next(r)
}

const harmlessOptions = new Set(
  `AUTO_INCREMENT AUTOEXTEND_SIZE AVG_ROW_LENGTH CHARSET CHARACTER CHECKSUM COLLATE COMMENT COMPRESSION DEFAULT
  DELAY_KEY_WRITE ENCRYPTED ENCRYPTION ENGINE ENGINE_ATTRIBUTE INSERT_METHOD KEY_BLOCK_SIZE MAX_ROWS MIN_ROWS PACK_KEYS
  PAGE_CHECKSUM PAGE_COMPRESSED PAGE_COMPRESSION_LEVEL ROW_FORMAT SECONDARY_ENGINE_ATTRIBUTE SET STATS_AUTO_RECALC
  STATS_PERSISTENT STATS_SAMPLE_PAGES TRANSACTIONAL TYPE ALGORITHM LOCK VISIBLE`.split(/\s+/),
)

/** `name = value` outside an expression, of an engine of its own: it may say where the data lies. */
function isForeignOption({ r }: Walk): boolean {
  const { kind, upper } = peek(r)
  if (!isSign(r, '=', 1) || (kind !== 'word' && kind !== 'quoted') || harmlessOptions.has(upper)) return false
  return peek(r, 2).kind === 'string' || peek(r, 2).kind === 'word'
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

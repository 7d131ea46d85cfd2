// What a table is made of: columns, keys, options, partitions, the query that fills it.
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

/** Notes the object that is named here as changed in its schema. */
export function named(walk: Walk): void {
  effect(walk, 'schema', tableName(walk).resource)
}

/** A query inside a change of the schema, which other parsers are shown too. */
export function core(walk: Walk): void {
  const from = walk.r.at
  query(walk, inside(null))
  walk.cores.push({ from, to: walk.r.at, kind: 'query' })
}

const tableEngines = /^(INNODB|MYISAM|ARIA|MEMORY|HEAP|ARCHIVE|ROCKSDB|COLUMNSTORE|BLACKHOLE|SEQUENCE)$/

/**
 * Columns, keys, options and partitions, token by token: what matters are the other tables, the files and the
 * servers that they may name.
 */
export function tableBody(walk: Walk): void {
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

// SHOW, DESCRIBE, EXPLAIN and their kin.
import { CannotTell } from './statement.ts'
import { effect, inside, resourceOf, tableName, type Walk } from './mysql-names.ts'
import { expression } from './mysql-expressions.ts'
import { limit } from './mysql-query-end.ts'
import {
  accept,
  acceptAll,
  acceptSign,
  atEnd,
  expect,
  expectSign,
  fail,
  is,
  isAt,
  isName,
  isSign,
  name,
  next,
  peek,
} from './mysql-reader.ts'

/** True where a statement begins that tells of the server, of a definition or of a plan. */
export function isShow({ r }: Walk): boolean {
  if (is(r, 'ANALYZE')) return !isAt(r, 1, 'TABLE', 'TABLES', 'NO_WRITE_TO_BINLOG', 'LOCAL')
  return is(r, 'SHOW', 'DESCRIBE', 'DESC', 'EXPLAIN', 'HELP')
}

/** Reads one. `explained` reads the statement that is explained. */
export function show(walk: Walk, explained: () => void): void {
  const { r } = walk
  if (accept(r, 'SHOW')) return showWhat(walk)
  if (accept(r, 'HELP')) {
    effect(walk, 'read', 'mysql.help_topic')
    return void next(r)
  }
  const analyze = accept(r, 'ANALYZE')
  if (!analyze) next(r)
  explain(walk, analyze, explained)
}

function explain(walk: Walk, analyze: boolean, explained: () => void): void {
  const { r } = walk
  if (!analyze && isTable(walk)) return describe(walk)
  const runs = accept(r, 'ANALYZE') || analyze
  if (!accept(r, 'EXTENDED', 'PARTITIONS') && accept(r, 'FORMAT')) {
    expectSign(r, '=')
    if (peek(r).kind === 'string') next(r)
    else name(r)
  }
  if (is(r, 'INTO', 'FOR'))
    throw new CannotTell('EXPLAIN of another session, or into a variable, is not known here')
  walk.planOnly = !runs
  explained()
}

/** `DESCRIBE t`, where what stands behind is no statement. */
function isTable({ r }: Walk): boolean {
  if (!isName(r) || is(r, 'EXTENDED', 'PARTITIONS', 'FORMAT', 'ANALYZE')) return false
  const after = isSign(r, '.', 1) ? 3 : 1
  const { kind } = peek(r, after)
  return kind === 'end' || isSign(r, ';', after) || isName(r, after) || kind === 'string'
}

function describe(walk: Walk): void {
  const { r } = walk
  effect(walk, 'read', tableName(walk).resource)
  if (!atEnd(r) && peek(r).kind !== 'string') name(r)
  else if (!atEnd(r)) next(r)
}

// What these tell is of the server or of names alone.
const ofServer = new Set(
  `CHARSET COLLATION ENGINES PLUGINS PRIVILEGES STATUS VARIABLES WARNINGS ERRORS DATABASES SCHEMAS AUTHORS CONTRIBUTORS
  PROFILES LOCALES`.split(/\s+/),
)

// What these tell is held by tables that a list of tables should decide on.
const ofTables: Record<string, string> = {
  PROCESSLIST: 'information_schema.processlist',
  TRIGGERS: 'information_schema.triggers',
  EVENTS: 'information_schema.events',
}

function showWhat(walk: Walk): void {
  const { r } = walk
  if (accept(r, 'CREATE')) return showCreate(walk)
  if (acceptAll(r, 'COUNT') && acceptSign(r, '(')) {
    expectSign(r, '*')
    expectSign(r, ')')
    expect(r, 'WARNINGS', 'ERRORS')
    return effect(walk, 'read', null)
  }
  if (is(r, 'GRANTS')) return grants(walk)
  while (accept(r, 'GLOBAL', 'SESSION', 'LOCAL', 'FULL', 'EXTENDED', 'STORAGE', 'OPEN'));
  const { upper } = peek(r)
  if (accept(r, 'COLUMNS', 'FIELDS', 'INDEX', 'INDEXES', 'KEYS')) return ofOneTable(walk)
  if (replication(walk)) return
  if (acceptAll(r, 'CHARACTER', 'SET') || acceptAll(r, 'TABLE', 'STATUS') || accept(r, 'TABLES', ...ofServer))
    effect(walk, 'read', null)
  else if (Object.hasOwn(ofTables, upper) && next(r)) effect(walk, 'read', ofTables[upper] as string)
  else if (acceptAll(r, 'PROCEDURE', 'STATUS') || acceptAll(r, 'FUNCTION', 'STATUS'))
    effect(walk, 'read', 'information_schema.routines')
  else if (acceptAll(r, 'ENGINE', 'INNODB', 'STATUS')) effect(walk, 'read', 'information_schema.innodb_trx')
  else throw new CannotTell('this SHOW is not known here')
  if (accept(r, 'FROM', 'IN')) name(r)
  filter(walk)
}

function replication(walk: Walk): boolean {
  const { r } = walk
  const own =
    acceptAll(r, 'MASTER', 'STATUS') ||
    acceptAll(r, 'BINARY', 'LOG', 'STATUS') ||
    acceptAll(r, 'BINARY', 'LOGS') ||
    acceptAll(r, 'MASTER', 'LOGS')
  if (own) effect(walk, 'read', null)
  else if (acceptAll(r, 'SLAVE', 'STATUS') || acceptAll(r, 'REPLICA', 'STATUS'))
    effect(walk, 'read', 'performance_schema.replication_connection_status')
  else return false
  return true
}

function ofOneTable(walk: Walk): void {
  const { r } = walk
  expect(r, 'FROM', 'IN')
  const { path } = tableName(walk)
  const own = accept(r, 'FROM', 'IN') ? [name(r), path.at(-1) as string] : path
  effect(walk, 'read', resourceOf(walk, own))
  filter(walk)
}

/** LIKE, WHERE and LIMIT; a condition may hold whole queries. */
function filter(walk: Walk): void {
  const { r } = walk
  if (accept(r, 'LIKE') && next(r).kind !== 'string') fail(r)
  if (is(r, 'WHERE')) {
    const from = r.at
    next(r)
    r.shown.set(from, 'SELECT')
    expression(walk, inside(null))
    walk.cores.push({ from, to: r.at, kind: 'query' })
  }
  limit(walk, inside(null))
}

function grants(walk: Walk): void {
  const { r } = walk
  next(r)
  const own = !is(r, 'FOR') || isAt(r, 1, 'CURRENT_USER')
  effect(walk, 'read', own ? null : 'mysql.user')
  while (!atEnd(r)) next(r)
}

function showCreate(walk: Walk): void {
  const { r } = walk
  if (accept(r, 'TABLE', 'VIEW', 'SEQUENCE')) return effect(walk, 'read', tableName(walk).resource)
  if (accept(r, 'DATABASE', 'SCHEMA')) {
    acceptAll(r, 'IF', 'NOT', 'EXISTS')
    name(r)
    return effect(walk, 'read', null)
  }
  if (accept(r, 'USER')) {
    effect(walk, 'read', 'mysql.user')
    while (!atEnd(r)) next(r)
    return
  }
  const kinds = [
    ['PROCEDURE', 'routines'],
    ['FUNCTION', 'routines'],
    ['TRIGGER', 'triggers'],
    ['EVENT', 'events'],
  ] as const
  const kind = kinds.find(([keyword]) => accept(r, keyword))
  if (!kind) throw new CannotTell('this SHOW is not known here')
  tableName(walk)
  effect(walk, 'read', `information_schema.${kind[1]}`)
}

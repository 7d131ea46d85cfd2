import { change, isChange } from './mysql-changes.ts'
import { expression } from './mysql-expressions.ts'
import { effect, inside, tableName, type Walk } from './mysql-names.ts'
import { isQuery, queryBody, withClause } from './mysql-query.ts'
import { accept, acceptAll, acceptSign, atEnd, fail, is, isAt, list, next, peek } from './mysql-reader.ts'
import { isSchemaChange, schemaChange, skip, skipAll } from './mysql-schema.ts'
import { isShow, show } from './mysql-show.ts'

/** Reads one statement to its end. */
export function statement(walk: Walk): void {
  if (isQuery(walk) || isChange(walk)) rows(walk)
  else if (isShow(walk)) show(walk, () => (isQuery(walk) || isChange(walk) ? rows(walk) : fail(walk.r)))
  else if (isSchemaChange(walk)) schemaChange(walk)
  else other(walk)
  if (!atEnd(walk.r)) fail(walk.r)
}

/** A query or a change of rows, with what stands before it. */
function rows(walk: Walk): void {
  const { r } = walk
  const from = r.at
  const scope = inside(null)
  withClause(walk, scope)
  const changes = isChange(walk)
  if (changes) change(walk, scope)
  else queryBody(walk, scope)
  walk.cores.push({ from, to: r.at, kind: changes ? 'change' : 'query' })
}

function other(walk: Walk): void {
  const { r } = walk
  if (accept(r, 'TRUNCATE')) {
    accept(r, 'TABLE')
    effect(walk, 'write', tableName(walk).resource)
    if (accept(r, 'WAIT')) next(r)
    else accept(r, 'NOWAIT')
  } else if (accept(r, 'DO')) doExpressions(walk)
  else if (is(r, 'SET')) set(walk)
  else if (isTransactionControl(walk)) {
    effect(walk, 'admin', null)
    skip(walk)
  } else if (is(r, 'OPTIMIZE', 'ANALYZE', 'REPAIR', 'CHECK', 'CHECKSUM')) maintain(walk)
  else if (is(r, 'LOCK')) lockTables(walk)
  else if (accept(r, 'LOAD')) load(walk)
  else if (accept(r, 'HANDLER')) {
    effect(walk, 'admin', tableName(walk).resource, 'reads')
    effect(walk, 'admin', { unknown: 'HANDLER leaves a table open in the session' })
    skip(walk)
  } else opaque(walk)
}

function doExpressions(walk: Walk): void {
  effect(walk, 'admin', { unknown: 'DO runs what it holds for its effects' })
  const scope = inside(null)
  const from = walk.r.at - 1
  walk.r.shown.set(from, 'SELECT')
  list(walk.r, () => expression(walk, scope))
  walk.cores.push({ from, to: walk.r.at, kind: 'query' })
}

function isTransactionControl({ r }: Walk): boolean {
  if (is(r, 'BEGIN')) return !isAt(r, 1, 'NOT')
  if (is(r, 'START')) return isAt(r, 1, 'TRANSACTION')
  return is(r, 'COMMIT', 'ROLLBACK', 'SAVEPOINT', 'RELEASE', 'UNLOCK')
}

const sessionScopes = /^@@(session\.|local\.)?/i
// After these, a text means something else than what was read here.
const decidesReading =
  /^(sql_mode|character_set_\w+|collation_\w+|old_mode|character|charset|names|password|role|default|statement)$/i

/** A setting of this session touches no stored data; one of the server, or of how a text is read, is more. */
function set(walk: Walk): void {
  const { r } = walk
  next(r)
  const { kind, text, upper } = peek(r)
  const variable = kind === 'variable' ? text.replace(sessionScopes, '') : text
  const ofSession =
    (kind === 'variable' && !/^@@?(global|persist|persist_only)\./i.test(text)) ||
    (kind === 'word' &&
      !['GLOBAL', 'PERSIST', 'PERSIST_ONLY', 'SESSION', 'LOCAL', 'STATEMENT'].includes(upper)) ||
    (['SESSION', 'LOCAL'].includes(upper) && isAt(r, 1, 'TRANSACTION'))
  const one = !r.tokens.slice(r.at).some((token) => token.kind === 'operator' && token.text === ',')
  const plain = ofSession && one && !decidesReading.test(variable) && isPlainSetting(walk)
  effect(
    walk,
    'admin',
    plain ? null : { unknown: 'the statement changes more than a setting of this session' },
  )
  if (!is(r, 'STATEMENT')) return skip(walk)
  while (!atEnd(r) && !is(r, 'FOR')) next(r)
  next(r)
  statement(walk)
}

/** True when the value is a constant, or a characteristic of transactions: nothing is read or run for it. */
function isPlainSetting({ r }: Walk): boolean {
  for (let offset = 0; ; offset++) {
    const { kind, text } = peek(r, offset)
    if (kind === 'end' || text === ';') return true
    if (kind === 'operator' && !/^(=|:=|-)$/.test(text)) return false
  }
}

function maintain(walk: Walk): void {
  const { r } = walk
  const reads = is(r, 'CHECKSUM')
  next(r)
  accept(r, 'NO_WRITE_TO_BINLOG', 'LOCAL')
  if (!accept(r, 'TABLE', 'TABLES')) return opaque(walk)
  list(r, () => effect(walk, reads ? 'read' : 'admin', tableName(walk).resource, reads ? 'reads' : 'writes'))
  skip(walk)
}

function lockTables(walk: Walk): void {
  const { r } = walk
  next(r)
  if (!accept(r, 'TABLE', 'TABLES')) return opaque(walk)
  list(r, () => {
    effect(walk, 'admin', tableName(walk).resource, 'reads')
    while (!atEnd(r) && peek(r).text !== ',') next(r)
  })
}

/** LOAD DATA reads a file of the server or of the client. */
function load(walk: Walk): void {
  const { r } = walk
  effect(walk, 'admin', { unknown: 'LOAD reads a file' })
  while (!atEnd(r) && !acceptAll(r, 'INTO', 'TABLE')) next(r)
  if (!atEnd(r)) effect(walk, 'write', tableName(walk).resource)
  skip(walk)
}

const opaqueWords = new Set(
  `ALTER BACKUP BEGIN BINLOG CACHE CALL CASE CHANGE CLONE CLOSE DEALLOCATE DECLARE EXECUTE FETCH FLUSH FOR GET GRANT IF IMPORT
  INSTALL KILL LOOP OPEN PREPARE PURGE REPEAT RESET RESIGNAL RESTART RETURN REVOKE SHUTDOWN SIGNAL START STOP UNINSTALL
  USE WHILE XA`.split(/\s+/),
)

/** What these run or change is not in the statement, or has no name: nothing behind them is looked at. */
function opaque(walk: Walk): void {
  const { r } = walk
  const { upper } = peek(r)
  if (!opaqueWords.has(upper)) fail(r)
  effect(walk, 'admin', { unknown: `what ${upper} does is not in the statement` })
  if (upper === 'CALL') {
    next(r)
    walk.functions.add(tableName(walk).path.join('.').toLowerCase())
    acceptSign(r, '(')
  }
  skipAll(walk)
}

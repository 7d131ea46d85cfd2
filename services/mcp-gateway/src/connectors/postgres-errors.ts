// What went wrong in PostgreSQL, as an answer that quotes none of its data.
import pg from 'pg'
import { AppError } from '@mcpshield/contracts/errors'
import type { Grant } from './connector.ts'

const QUERY_CANCELED = '57014'

/** Not supported, wrong state, lack of rights or room, division by zero: such messages quote no data. */
const QUOTES_NO_DATA = /^(0A|25|40|42501$|53|54001$|55|57|22012$)/
const BEFORE_DATA = /^exec_(parse|bind)_message$/

/**
 * PostgreSQL's message where it is about the statement, which then has a place in its text. What went wrong
 * with the data is told without the data: its message would show what a policy redacts.
 */
export function asQueryError(error: unknown, grant: Grant): AppError {
  if (error instanceof AppError) return error
  if (error instanceof RangeError)
    return new AppError('INVALID_ARGUMENT', 'A value of the result is nested too deeply.', { cause: error })
  if (!(error instanceof pg.DatabaseError))
    return new AppError('UNAVAILABLE', 'The database connection broke.', { cause: error })
  const { code = 'unknown', position, routine = '' } = error
  if (code === QUERY_CANCELED) return stopped(grant, error)
  const message =
    position !== undefined || BEFORE_DATA.test(routine) || QUOTES_NO_DATA.test(code)
      ? error.message
      : `the statement failed on the data it read (SQLSTATE ${code}); the data is not shown`
  return new AppError('INVALID_ARGUMENT', `PostgreSQL: ${message}`, { cause: error })
}

export function stopped(grant: Grant, cause?: unknown): AppError {
  return new AppError('DEADLINE_EXCEEDED', `The statement was stopped after ${grant.timeoutMs} ms.`, {
    cause,
  })
}

export function tooWide(): AppError {
  return new AppError(
    'INVALID_ARGUMENT',
    'The result has values too large to be read; select fewer columns or parts of them.',
  )
}

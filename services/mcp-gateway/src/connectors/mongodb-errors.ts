// What a client is told of MongoDB's errors. Many of its messages quote documents ("dup key: { mail: 'x' }", "has
// the field 'n' of non-numeric type in document {_id: 7}"): only those about the text of a command are told.
import { MongoServerError } from 'mongodb'
import { AppError } from '@mcpshield/contracts/errors'
import type { Grant } from './connector.ts'

/** Failed to parse, no such or an invalid namespace, no such command, not implemented, unknown stage or expression. */
const OF_THE_TEXT = new Set([9, 26, 48, 59, 73, 168, 238, 40324, 31325, 40415, 40414])
const UNKNOWN_OPERATOR = /^unknown (top level )?operator: \$\w+/
const MAX_TIME_EXPIRED = 50
const UNAUTHORIZED = new Set([13, 8000])
/** Logins that fail, servers that stop or are no longer the first of their set. */
const NOT_THERE = new Set([18, 91, 189, 10107, 11600, 11602, 13435, 13436])
const DUPLICATE_KEY = 11000
/** Names of errors that mean that there was no server to ask. */
const NOWHERE =
  /^Mongo(ServerSelection|Network|PoolCleared|PoolClosed|WaitQueueTimeout|NotConnected|TopologyClosed)/

export type Time = Pick<Grant, 'timeoutMs' | 'signal'>

export function asMongodbError(error: unknown, name: string, grant: Time): AppError {
  if (error instanceof AppError) return error
  const { name: kind = 'Error' } = error as Error
  if (error instanceof MongoServerError) return serverError(error, name, grant)
  // The error may hold the command or the address: the log gets what kind it was.
  const cause = new Error(kind)
  if (NOWHERE.test(kind)) return unreachable(name, cause)
  if (/^BSON/.test(kind))
    return new AppError('INVALID_ARGUMENT', 'MongoDB: a value cannot be sent.', { cause })
  return new AppError('UNAVAILABLE', 'The connection to MongoDB broke.', { cause })
}

export function unreachable(name: string, cause?: unknown): AppError {
  return new AppError('UNAVAILABLE', `The database behind the connection ${name} cannot be reached.`, {
    cause,
  })
}

export function stopped(grant: Time, cause?: unknown): AppError {
  return new AppError('DEADLINE_EXCEEDED', `The command was stopped after ${grant.timeoutMs} ms.`, { cause })
}

function serverError(error: MongoServerError, name: string, grant: Time): AppError {
  const code = Number(error.code ?? 0)
  const cause = new Error(`MongoDB error ${code}`)
  if (code === MAX_TIME_EXPIRED) return stopped(grant, cause)
  if (NOT_THERE.has(code)) return unreachable(name, cause)
  return new AppError(
    'INVALID_ARGUMENT',
    `MongoDB: ${toldOf(code, String(error.codeName ?? ''), error.message)}`,
    {
      cause,
    },
  )
}

/** A sentence about an error that quotes nothing stored. */
export function toldOf(code: number, codeName: string, message: string): string {
  if (code === DUPLICATE_KEY) return 'a document with such a key is there already (E11000)'
  if (UNAUTHORIZED.has(code)) return 'the account of the connection may not do that'
  const isOfTheText = OF_THE_TEXT.has(code) || UNKNOWN_OPERATOR.test(message)
  if (isOfTheText && !message.includes('caused by')) return message
  const named = /^\w+$/.test(codeName) ? `${codeName}, code ${code}` : `code ${code}`
  return `the command failed on what is stored (${named}); the data is not shown`
}

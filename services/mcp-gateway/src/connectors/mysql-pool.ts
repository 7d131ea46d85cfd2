// The sessions of a connection: those that wait for the next call, and those that are in use.
import type { ConnectionOptions } from 'mysql2'
import { AppError } from '@mcpshield/contracts/errors'
import type { ConnectionSpec, Grant } from './connector.ts'
import { wideRights } from './mysql-rights.ts'
import { hangUp, openSession, pinSession, resetSession, streamOf, type Session } from './mysql-session.ts'

export type Pool = AsyncDisposable & {
  /** A session for one call alone, pinned and in a transaction. */
  begin(grant: Grant): Promise<Session>
  /** Takes a session back; one that cannot be put back to how it began is ended. */
  end(session: Session, isHealthy: boolean): Promise<void>
}

export function openPool(
  spec: ConnectionSpec,
  options: ConnectionOptions,
  warn: (message: string) => void,
): Pool {
  const idle: Session[] = []
  const inUse = new Set<Session>()
  let closed = false
  let looked = false

  const open = async (): Promise<Session> => {
    const session = await openSession(spec, options)
    if (!looked) {
      looked = true
      await warnOfRights(session, spec, warn)
    }
    return session
  }
  return {
    async begin(grant) {
      for (let session = idle.pop(); session !== undefined; session = idle.pop()) {
        // The server may have ended it since.
        const isPinned = await pinSession(session, options.database, grant).then(
          () => true,
          () => false,
        )
        if (isPinned) {
          inUse.add(session)
          return session
        }
        hangUp(session.connection)
      }
      const session = await open()
      await pinSession(session, options.database, grant).catch((cause: unknown) => {
        hangUp(session.connection)
        throw new AppError('UNAVAILABLE', `A session on ${spec.name} could not be prepared.`, { cause })
      })
      inUse.add(session)
      return session
    },
    async end(session, isHealthy) {
      const isOpen = !streamOf(session.connection).destroyed
      const isClean = isHealthy && isOpen && (await resetSession(session))
      inUse.delete(session)
      if (isClean && !closed) idle.push(session)
      else hangUp(session.connection)
    },
    async [Symbol.asyncDispose]() {
      closed = true
      for (const { connection } of [...idle, ...inUse]) hangUp(connection)
    },
  }
}

async function warnOfRights(session: Session, spec: ConnectionSpec, warn: (message: string) => void) {
  const rights = await wideRights(session).catch(() => [])
  if (rights.length === 0) return
  const listed = rights.join(', ')
  warn(
    `The account of the connection ${spec.name} has rights over the whole server (${listed}): give it one that only reaches its tables.`,
  )
}

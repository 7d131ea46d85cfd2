// Forgets what has come to nothing or has had its time, of people who do not come back to have it replaced.
import type { Db } from '@mcpshield/db/connect'
import { RefreshTokenRow, SignInClientRow, UserRow } from './entities.ts'
import { REMEMBERED_CLIENT_MS } from './session-store.ts'

/** A registration that nobody confirmed. */
const UNCONFIRMED_MS = 7 * 86_400_000

export async function sweep(db: Db, now: Date): Promise<void> {
  const before = (ms: number) => new Date(now.getTime() - ms)
  const em = db.fork()
  await em.nativeDelete(UserRow, { is_email_verified: false, updated_at: { $lte: before(UNCONFIRMED_MS) } })
  await em.nativeDelete(RefreshTokenRow, { expires_at: { $lte: now } })
  await em.nativeDelete(SignInClientRow, { last_at: { $lte: before(REMEMBERED_CLIENT_MS) } })
}

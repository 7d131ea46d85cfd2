// How many mails an organisation may have sent to people who have not asked for them: an invitation that is taken back
// has been mailed all the same.
import { createHash, randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import { AppError } from '@mcpshield/contracts/errors'
import { InvitationMailRow } from './entities.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const TO_ONE_AN_HOUR = 5
const TO_ALL_A_DAY = 200

/** Counts a mail; throws RATE_LIMITED when there were too many. The organisation is held: counts follow each other. */
export async function takeMail(em: EntityManager, org_id: string, email: string, at: Date): Promise<void> {
  const since = (ms: number) => new Date(at.getTime() - ms)
  const recipient = createHash('sha256').update(`${org_id} ${email}`).digest('hex')
  await em.nativeDelete(InvitationMailRow, { org_id, sent_at: { $lte: since(DAY_MS) } })
  const toOne = await em.count(InvitationMailRow, { org_id, recipient, sent_at: { $gt: since(HOUR_MS) } })
  if (toOne >= TO_ONE_AN_HOUR)
    throw tooMany('This address was invited several times already; wait an hour.', HOUR_MS)
  if ((await em.count(InvitationMailRow, { org_id })) >= TO_ALL_A_DAY)
    throw tooMany(`No more than ${TO_ALL_A_DAY} invitations are mailed a day.`, DAY_MS)
  await em.insert(InvitationMailRow, { id: randomUUIDv7(), org_id, recipient, sent_at: at })
}

function tooMany(message: string, retry_after_ms: number): AppError {
  return new AppError('RATE_LIMITED', message, { retry_after_ms })
}

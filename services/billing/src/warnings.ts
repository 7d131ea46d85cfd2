// Mails to an organisation's administrators when most, or all, of a month's events are used.
import { AppError } from '@mcpshield/contracts/errors'
import type { ingest } from '@mcpshield/contracts/ingest'
import type { MailJob } from '@mcpshield/contracts/mailer'
import type { z } from 'zod'
import { derivedId } from './derived-id.ts'

type UsageReached = z.infer<typeof ingest.evt.usageReached.payload>

export type WarningDeps = {
  listAdministrators(orgId: string): Promise<{ organization: string; user_ids: string[] }>
  sendMail(job: MailJob): Promise<void>
}

/** One mail for each administrator. Told again, the mails have the ids that they had: none is sent twice. */
export async function warnOfUsage(
  { listAdministrators, sendMail }: WarningDeps,
  { org_id, month, percent, count, limit }: UsageReached,
): Promise<void> {
  const told = await listAdministrators(org_id).catch(unlessGone)
  const template = percent === 100 ? 'plan_limit_reached' : 'plan_limit_near'
  for (const user_id of told.user_ids) {
    await sendMail({
      id: derivedId('usageReached', org_id, month, String(percent), user_id),
      to: { user_id },
      mail: { template, organization: told.organization, month, count, limit },
    })
  }
}

/** Nobody is told of an organisation that is no more. */
function unlessGone(error: unknown): { organization: string; user_ids: string[] } {
  if (error instanceof AppError && error.code === 'NOT_FOUND') return { organization: '', user_ids: [] }
  throw error
}

// To whom a job goes, and how that is written down without saying who it is.
import { createHash } from 'node:crypto'
import type { Notifications } from '@mcpshield/contracts/auth'
import type { MailJob, TemplateName } from '@mcpshield/contracts/mailer'
import type { MailKey } from './store.ts'

export type Recipient = { email: string; first_name?: string | undefined; notifications?: Notifications }

/** One event and recipient is one mail. The job's id in the digest keeps a person's rows from being put together. */
export function mailKeyOf({ id, to }: MailJob): MailKey {
  const who = 'user_id' in to ? `user ${to.user_id}` : `address ${to.email}`
  return { jobId: id, recipient: createHash('sha256').update(`${id} ${who}`).digest('hex') }
}

/** False for a mail that the person has switched off. What is not among the notifications is always sent. */
export function isWanted(template: TemplateName, notifications: Notifications | undefined): boolean {
  return notifications === undefined || !(template in notifications)
    ? true
    : notifications[template as keyof Notifications]
}

export function messageIdOf({ jobId, recipient }: MailKey, fromAddress: string): string {
  return `<${jobId}.${recipient.slice(0, 16)}@${fromAddress.split('@')[1] ?? 'localhost'}>`
}

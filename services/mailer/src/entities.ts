// The table of the mailer schema: what became of each mail, without its address and its content.
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { TemplateName } from '@mcpshield/contracts/mailer'
import type { DbOptions } from '@mcpshield/db/connect'
import { migrations } from './migrations/index.ts'

/**
 * `waiting`: may be sent. `sending`: somebody has claimed it and may have sent it. `sent`, `skipped`: done.
 * `dead`: among the dead letters, sent again only by an operator.
 */
export type MailState = 'waiting' | 'sending' | 'sent' | 'skipped' | 'dead'

export const MailRow = defineEntity({
  name: 'MailRow',
  tableName: 'mails',
  properties: {
    /** Of the event that it is about. */
    job_id: p.uuid().primary(),
    /** Digest of job and recipient: the same person has another one in every row. */
    recipient: p.string().length(64).primary(),
    template: p.string().length(32).$type<TemplateName>(),
    state: p.string().length(8).$type<MailState>(),
    /** Failures that count; those of an unreachable mail server do not. */
    tries: p.integer(),
    /** Place in the stream of the message that claimed it last. */
    sequence: p.bigint('number'),
    /** Whose claim it is. */
    claim: p.uuid().nullable(),
    failure: p.string().length(300).nullable(),
    created_at: p.datetime(),
    changed_at: p.datetime().index('mails_changed_at_index'),
  },
})
export type MailRow = InferEntity<typeof MailRow>

/** How the service's schema is reached and what is in it. */
export function database(url: string): DbOptions {
  return { url, schema: 'mailer', entities: [MailRow], migrations }
}

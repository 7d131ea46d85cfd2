// Mails, and the dead letters of every queue.
import { z } from 'zod'
import { contract, rpc } from './define.ts'
import { Email, Empty, Health, Id, Page, Time, pageOf } from './values.ts'

const Url = z.url({ protocol: /^https?$/ }).max(2_000)

/** What a mail says: one template each, with what it needs. Names of people are the mailer's to know or `to`'s. */
export const Mail = z.discriminatedUnion('template', [
  /** A code that confirms an address: of a registration, or of a changed address. */
  z.strictObject({ template: z.literal('verify_email'), code: z.string(), minutes: z.int() }),
  z.strictObject({ template: z.literal('reset_password'), code: z.string(), minutes: z.int() }),
  /** Somebody registered, or wanted to change to, an address that is a person's already. */
  z.strictObject({ template: z.literal('address_in_use') }),
  z.strictObject({ template: z.literal('password_changed'), time: Time }),
  /** To the address that was left. */
  z.strictObject({ template: z.literal('email_changed'), time: Time }),
  z.strictObject({ template: z.literal('mfa_changed'), time: Time, enabled: z.boolean() }),
  z.strictObject({
    template: z.literal('new_sign_in'),
    time: Time,
    address: z.string(),
    user_agent: z.string().nullable(),
  }),
  z.strictObject({
    template: z.literal('invitation'),
    organization: z.string(),
    /** Name of the person who invites. */
    inviter: z.string(),
    role: z.string(),
    url: Url,
    expires_at: Time,
  }),
  z.strictObject({
    template: z.literal('plan_limit_near'),
    organization: z.string(),
    month: z.string(),
    count: z.int(),
    limit: z.int(),
  }),
  z.strictObject({
    template: z.literal('plan_limit_reached'),
    organization: z.string(),
    month: z.string(),
    count: z.int(),
    limit: z.int(),
  }),
  z.strictObject({
    template: z.literal('pending_approval'),
    project: z.string(),
    tool: z.string(),
    agent: z.string().nullable(),
    url: Url,
    expires_at: Time,
  }),
  z.strictObject({
    template: z.literal('quarantined_tool'),
    project: z.string(),
    upstream: z.string(),
    tool: z.string(),
    url: Url,
  }),
])
export type Mail = z.infer<typeof Mail>
export type TemplateName = Mail['template']

export const MailJob = z.strictObject({
  /** Of the event that the mail is about: one event and recipient is one mail, however often it is asked for. */
  id: Id,
  /** A person, whose address and wishes are looked up when it is sent; or an address. */
  to: z.union([
    z.strictObject({ user_id: Id }),
    z.strictObject({ email: Email, first_name: z.string().max(100).optional() }),
  ]),
  /** After this it is of no use and is not sent. */
  expires_at: Time.optional(),
  mail: Mail,
})
export type MailJob = z.infer<typeof MailJob>

export const DeadLetter = z.object({
  /** Its place in the store of dead letters. */
  id: z.int(),
  /** Where it failed: the subject it is sent to again by a replay. */
  subject: z.string(),
  reason: z.string(),
  time: Time,
  bytes: z.int(),
  /** What it is about, without secrets. */
  summary: z.string(),
})

export const mailer = contract('mailer', {
  rpc: {
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    listDeadLetters: rpc({
      input: z.strictObject({ ...Page }),
      output: pageOf(DeadLetter),
      errors: ['UNAUTHENTICATED', 'UNAVAILABLE'],
      access: 'operator',
      http: {
        method: 'GET',
        path: '/admin/dead-letters',
        summary: 'Messages that failed for good, newest first; for who runs the installation',
      },
    }),
    replayDeadLetter: rpc({
      input: z.strictObject({ id: z.int().min(1) }),
      output: Empty,
      errors: ['UNAUTHENTICATED', 'NOT_FOUND', 'UNAVAILABLE'],
      access: 'operator',
      http: {
        method: 'POST',
        path: '/admin/dead-letters/{id}/replay',
        status: 202,
        summary: 'Send a dead letter to where it failed once more',
      },
    }),
  },
  job: { send: MailJob },
})

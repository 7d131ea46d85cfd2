// A job on its way: looked up, claimed, handed over, settled. A claim stands before the mail server hears of it, so
// whatever ends this process leaves either a mail that was not sent or one that nobody sends again unasked.
import { randomUUID } from 'node:crypto'
import type { StreamMessage } from '@mcpshield/bus/stream'
import { MailJob } from '@mcpshield/contracts/mailer'
import { SendFailure } from './failures.ts'
import { nextStep } from './next-step.ts'
import { isWanted, mailKeyOf, messageIdOf, type Recipient } from './recipients.ts'
import { jittered, MAX_TRIES, pauseAfter, type Pause } from './retries.ts'
import type { OutgoingMail } from './smtp.ts'
import type { MailKey, MailRecord, Mails } from './store.ts'
import { renderMail } from './templates.ts'

export type DeliveryDependencies = {
  mails: Mails
  transport: { send(mail: OutgoingMail): Promise<void> }
  /** Undefined when there is no such person; rejects when it cannot be told now. */
  findPerson: (userId: string) => Promise<Recipient | undefined>
  pause: Pause
  fromAddress: string
  webUrl: string
  /** No mail is being sent for longer, whoever sends it. */
  sendingAtMostMs: number
  now: () => Date
  random: () => number
  /** Told what became of each mail, for whoever counts. */
  told?: (state: string) => void
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void }
}

export const INTERRUPTED = 'interrupted while sending; it may have arrived'
const LOST = 'the connection was lost while the mail was handed over; it may have arrived'
const DAY_MS = 86_400_000
const SETTLE_TRIES = 30
const SETTLE_PAUSE_MS = 1_000
const SOON_MS = 1_000

/** Handles one message to its end; never rejects. */
export function mailDelivery(deps: DeliveryDependencies): (message: StreamMessage) => Promise<void> {
  return async (message) => {
    try {
      await handle(deps, message)
    } catch (error) {
      // Nothing is settled: the stream keeps the message, the table what is known of it.
      deps.log.error({ err: error }, 'mail')
      message.retry(jittered(Math.min(30_000, SOON_MS * 2 ** Math.min(message.delivery, 6)), deps.random))
    }
  }
}

type Mailing = { message: StreamMessage; job: MailJob; key: MailKey; known: MailRecord | undefined }

async function handle(deps: DeliveryDependencies, message: StreamMessage): Promise<void> {
  const job = parseJob(message)
  if (job === undefined) return message.bury('not a job of this contract')
  const key = mailKeyOf(job)
  const known = await deps.mails.read(key)
  const nowMs = deps.now().getTime()
  switch (nextStep(known, message, nowMs, deps.sendingAtMostMs)) {
    case 'send':
      return prepare(deps, { message, job, key, known })
    case 'done':
      return message.ack()
    case 'wait':
      return message.retry(Math.max(SOON_MS, deps.sendingAtMostMs - (nowMs - known!.changedMs) + SOON_MS))
    case 'bury':
      return message.bury(known!.failure ?? INTERRUPTED)
    case 'interrupted':
      if (!(await deps.mails.abandon(key, nowMs - deps.sendingAtMostMs, INTERRUPTED)))
        return message.retry(SOON_MS)
      tell(deps, job, 'dead', INTERRUPTED)
      return message.bury(INTERRUPTED)
  }
}

function parseJob(message: StreamMessage): MailJob | undefined {
  try {
    return MailJob.safeParse(message.json()).data
  } catch {
    return undefined // not JSON
  }
}

/** What has to be known before the claim: a look-up that fails must not look like an interrupted mail. */
async function prepare(deps: DeliveryDependencies, mailing: Mailing): Promise<void> {
  const { message, job } = mailing
  if (isExpired(job, deps.now().getTime())) return skip(deps, mailing, 'expired')
  const pausedMs = deps.pause.remainingMs()
  if (pausedMs > 0) return message.retry(jittered(pausedMs + SOON_MS, deps.random))
  const recipient: Recipient | undefined =
    'user_id' in job.to ? await deps.findPerson(job.to.user_id) : job.to
  if (recipient === undefined) return skip(deps, mailing, 'there is no such person any more')
  if (!isWanted(job.mail.template, recipient.notifications)) return skip(deps, mailing, 'switched off')
  await send(deps, mailing, recipient)
}

async function skip(deps: DeliveryDependencies, { message, job, key }: Mailing, why: string): Promise<void> {
  const { sequence, replayed } = message
  await deps.mails.skip(key, { sequence, replayed, template: job.mail.template }, why)
  tell(deps, job, 'skipped', why)
  message.ack()
}

async function send(deps: DeliveryDependencies, mailing: Mailing, recipient: Recipient): Promise<void> {
  const { message, job, key } = mailing
  const claim = randomUUID()
  const { sequence, replayed } = message
  const mail = compose(deps, mailing, recipient)
  if (!(await deps.mails.claim(key, { claim, sequence, replayed, template: job.mail.template }))) {
    return message.retry(SOON_MS) // somebody else was quicker: look again
  }
  try {
    await deps.transport.send(mail)
  } catch (error) {
    return settleFailure(deps, mailing, claim, asFailure(error))
  }
  deps.pause.reached()
  await settle(deps, () => deps.mails.markSent(key, claim))
  tell(deps, job, 'sent')
  message.ack()
}

function compose(
  { webUrl, fromAddress }: DeliveryDependencies,
  { job, key }: Mailing,
  to: Recipient,
): OutgoingMail {
  return {
    ...renderMail(job.mail, { firstName: to.first_name }, webUrl),
    messageId: messageIdOf(key, fromAddress),
    // Without a name: it is shown beside the subject, and may be a stranger's choice.
    to: { name: '', address: to.email },
  }
}

async function settleFailure(
  deps: DeliveryDependencies,
  mailing: Mailing,
  claim: string,
  failure: SendFailure,
): Promise<void> {
  if (failure.kind === 'unreachable') deps.pause.unreachable()
  else deps.pause.reached()
  const end = endOf(deps, mailing, failure)
  if (end !== undefined) return bury(deps, mailing, claim, end)
  const counts = failure.kind === 'temporary'
  await settle(deps, () => deps.mails.release(mailing.key, claim, failure.message, counts))
  tell(deps, mailing.job, 'waiting', failure.message)
  mailing.message.retry(retryAfter(deps, mailing, counts))
}

/** Why it is not to be tried again; undefined when it is. */
function endOf(
  deps: DeliveryDependencies,
  mailing: Mailing,
  { kind, message }: SendFailure,
): string | undefined {
  const nowMs = deps.now().getTime()
  if (kind === 'uncertain') return `${LOST} (${message})`
  if (kind === 'permanent') return message
  if (kind === 'unreachable') {
    const sinceMs = mailing.known?.createdMs ?? nowMs
    return nowMs - sinceMs > DAY_MS
      ? `the mail server could not be reached for a day (${message})`
      : undefined
  }
  const tries = triesOf(mailing)
  if (tries >= MAX_TRIES) return `${message} (${tries} tries)`
  if (isExpired(mailing.job, nowMs + pauseAfter(tries, () => 0)))
    return `${message} (expires before the next try)`
  return undefined
}

/** Tries that count, this one included. A replay begins anew. */
function triesOf({ known }: Mailing): number {
  return (known === undefined || known.state === 'dead' ? 0 : known.tries) + 1
}

function retryAfter({ pause, random }: DeliveryDependencies, mailing: Mailing, counts: boolean): number {
  if (counts) return pauseAfter(triesOf(mailing), random)
  return jittered(pause.remainingMs() + SOON_MS, random)
}

async function bury(
  deps: DeliveryDependencies,
  { message, job, key }: Mailing,
  claim: string,
  why: string,
): Promise<void> {
  await settle(deps, () => deps.mails.markDead(key, claim, why))
  tell(deps, job, 'dead', why)
  await message.bury(why)
}

/** Writes down what has happened, however long the database is away: nothing else knows it. */
async function settle({ log }: DeliveryDependencies, write: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await write()
    } catch (error) {
      if (tries === SETTLE_TRIES) throw error
      log.error({ err: error }, 'the mail’s state could not be written; trying again')
      await new Promise((resolve) => setTimeout(resolve, SETTLE_PAUSE_MS))
    }
  }
}

function isExpired({ expires_at }: MailJob, nowMs: number): boolean {
  return expires_at !== undefined && Date.parse(expires_at) <= nowMs
}

function asFailure(error: unknown): SendFailure {
  // A bug of ours in between: nobody can say how far it had come.
  return error instanceof SendFailure ? error : new SendFailure('uncertain', String(error))
}

function tell({ log, told }: DeliveryDependencies, job: MailJob, state: string, why?: string): void {
  told?.(state)
  log.info({ job: job.id, template: job.mail.template, state, ...(why === undefined ? {} : { why }) }, 'mail')
}

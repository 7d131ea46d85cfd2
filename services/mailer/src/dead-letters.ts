// What an operator is shown of dead letters: what they are about, without secrets, codes and whole addresses.
import type { DeadMessage } from '@mcpshield/bus/dead-letters'
import { decodeCursor, encodeCursor } from '@mcpshield/contracts/cursors'
import { AuditEvent } from '@mcpshield/contracts/audit'
import { MailJob, mailer } from '@mcpshield/contracts/mailer'
import { z } from 'zod'
import { withoutAddresses } from './failures.ts'

export type ShownLetter = {
  id: number
  subject: string
  reason: string
  time: string
  bytes: number
  summary: string
}

export function shownLetter({ sequence, subject, reason, time, bytes }: DeadMessage): ShownLetter {
  return {
    id: sequence,
    subject,
    reason: withoutAddresses(reason),
    time,
    bytes: bytes.length,
    summary: summaryOf(subject, bytes),
  }
}

function summaryOf(subject: string, bytes: Uint8Array): string {
  const payload = parsed(bytes)
  if (subject === mailer.job.send.subject) return mailSummary(payload)
  if (subject.startsWith('audit.')) return auditSummary(payload)
  return `a message of ${subject.split('.')[1] ?? 'an unknown service'}`
}

function mailSummary(payload: unknown): string {
  const { data: job } = MailJob.safeParse(payload)
  if (job === undefined) return 'not a mail'
  const to = 'user_id' in job.to ? `person ${job.to.user_id}` : masked(job.to.email)
  return `${job.mail.template} to ${to}`
}

function masked(address: string): string {
  const at = address.lastIndexOf('@')
  return `${address.slice(0, 1)}…${address.slice(at)}`
}

const AuditBatch = z.array(AuditEvent.pick({ org_id: true })).min(1)

function auditSummary(payload: unknown): string {
  const { data: events } = AuditBatch.safeParse(payload)
  if (events === undefined) return 'not audit events'
  const counted = events.length === 1 ? '1 audit event' : `${events.length} audit events`
  return `${counted} of organisation ${events[0]?.org_id}`
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

/** Whether a letter is a mail to somebody who is to be forgotten. */
export function isMailTo(person: { user_id: string; email: string }, bytes: Uint8Array): boolean {
  const { data: job } = MailJob.safeParse(parsed(bytes))
  if (job === undefined) return false
  return 'user_id' in job.to ? job.to.user_id === person.user_id : job.to.email === person.email.toLowerCase()
}

export type Place = { older?: number; newer?: number }
const Encoded = z.tuple([z.enum(['older', 'newer']), z.int().min(0)])

export function encodePlace(direction: 'older' | 'newer', sequence: number): string {
  return encodeCursor([direction, sequence])
}

/** Throws INVALID_ARGUMENT for anything that `encodePlace` did not make. */
export function decodePlace(text: string): Place {
  const [direction, sequence] = decodeCursor(Encoded, text)
  return { [direction]: sequence }
}

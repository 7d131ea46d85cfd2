// Takes up requests for codes from the outbox, after they were answered: only here is an address looked up, where no
// answer and no time that a stranger can measure depends on it.
import type { MailJob } from '@mcpshield/contracts/mailer'
import { z } from 'zod'
import type { Codes, Purpose } from './codes.ts'
import { EMAIL_CHANGE_WAITS_MS } from './credentials.ts'
import type { OpenCodes } from './open-codes.ts'
import type { People } from './people.ts'

export type CodeDeliveryDeps = {
  people: People
  codes: Codes
  openCodes: OpenCodes
  codeMinutes: number
  now(): Date
  /** Has a mail sent; a repeated id is one mail. */
  send(job: z.input<typeof MailJob>): Promise<void>
}

const requested_at = z.coerce.date()
const RequestRow = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('registration'),
    email: z.string(),
    password_hash: z.string(),
    first_name: z.string(),
    last_name: z.string(),
    requested_at,
  }),
  z.object({
    kind: z.literal('code'),
    email: z.string(),
    purpose: z.enum(['verify_email', 'reset_password']),
    requested_at,
  }),
  z.object({
    kind: z.literal('email_change'),
    user_id: z.uuid(),
    change_id: z.uuid(),
    email: z.string(),
    requested_at,
  }),
])
type RequestRow = z.infer<typeof RequestRow>
type Of<K extends RequestRow['kind']> = Extract<RequestRow, { kind: K }>

/** What a code is good for, as it lies beside it. */
export const binding = {
  registration: (registrationId: string) => `registration:${registrationId}`,
  change: (userId: string, changeId: string) => `change:${userId}:${changeId}`,
  person: (userId: string, generation: number) => `person:${userId}:${generation}`,
}

/** What comes of a request: a code for somebody, word that the address is in use, or nothing. */
type Outcome =
  | { email: string; purpose: Purpose; binding: string; first_name: string }
  | { email: string; inUseBy: string }
  | undefined

/** Delivers one row of the outbox. Delivered again it makes the same code and the same mail. */
export function codeDeliverer(
  deps: CodeDeliveryDeps,
): (row: { payload: unknown; messageId: string }) => Promise<void> {
  return async ({ payload, messageId }) => {
    const request = RequestRow.parse(payload)
    const outcome = await outcomeOf(deps, request, messageId)
    if (outcome === undefined) return
    if ('inUseBy' in outcome) {
      const to = { email: outcome.email, first_name: outcome.inUseBy }
      return deps.send({ id: messageId, to, mail: { template: 'address_in_use' } })
    }
    await sendCode(deps, outcome, { id: messageId, requested_at: request.requested_at })
  }
}

function outcomeOf(deps: CodeDeliveryDeps, request: RequestRow, id: string): Promise<Outcome> {
  switch (request.kind) {
    case 'registration':
      return ofRegistration(deps, request, id)
    case 'code':
      return request.purpose === 'reset_password' ? ofReset(deps, request) : ofVerification(deps, request)
    case 'email_change':
      return ofEmailChange(deps, request)
    default:
      return request satisfies never
  }
}

async function ofRegistration(
  { people, now }: CodeDeliveryDeps,
  { email, password_hash, first_name, last_name }: Of<'registration'>,
  id: string,
): Promise<Outcome> {
  const saved = await people.saveRegistration({ id, email, password_hash, first_name, last_name }, now())
  if (saved !== undefined)
    return { email, purpose: 'verify_email', binding: binding.registration(id), first_name }
  const holder = await people.byEmail(email)
  return { email, inUseBy: holder?.first_name ?? first_name }
}

async function ofReset({ people }: CodeDeliveryDeps, { email }: Of<'code'>): Promise<Outcome> {
  const person = await people.byEmail(email)
  if (person === undefined) return undefined
  const { id, generation, first_name } = person
  return { email, purpose: 'reset_password', binding: binding.person(id, generation), first_name }
}

async function ofVerification({ people, now }: CodeDeliveryDeps, { email }: Of<'code'>): Promise<Outcome> {
  const purpose = 'verify_email'
  const person = await people.byEmail(email)
  if (person?.is_email_verified === true) return undefined
  if (person !== undefined && person.registration_id !== null) {
    const { registration_id, first_name } = person
    return { email, purpose, binding: binding.registration(registration_id), first_name }
  }
  const since = new Date(now().getTime() - EMAIL_CHANGE_WAITS_MS)
  const changing = await people.byPendingEmail(email, since)
  if (changing === undefined || changing.email_change_id === null) return undefined
  const { id, email_change_id, first_name } = changing
  return { email, purpose, binding: binding.change(id, email_change_id), first_name }
}

async function ofEmailChange({ people }: CodeDeliveryDeps, request: Of<'email_change'>): Promise<Outcome> {
  const { user_id, change_id, email } = request
  const person = await people.byId(user_id)
  // Replaced by another change, or dropped, meanwhile.
  if (person === undefined || person.email_change_id !== change_id) return undefined
  const holder = await people.byEmail(email)
  if (holder?.is_email_verified === true) return { email, inUseBy: holder.first_name }
  const { first_name } = person
  return { email, purpose: 'verify_email', binding: binding.change(user_id, change_id), first_name }
}

async function sendCode(
  deps: CodeDeliveryDeps,
  { email, purpose, binding: bound, first_name }: Exclude<Outcome, undefined | { inUseBy: string }>,
  request: { id: string; requested_at: Date },
): Promise<void> {
  const expires_at = new Date(request.requested_at.getTime() + deps.codeMinutes * 60_000)
  const lifeMs = expires_at.getTime() - deps.now().getTime()
  if (lifeMs <= 0) return // Too late to be of use: the outbox could not be delivered for as long as a code lives.
  const code = deps.codes.codeFor(request.id)
  const mac = deps.codes.macOf({ email, purpose, code })
  await deps.openCodes.put({ requestId: request.id, email, purpose, mac, binding: bound, lifeMs })
  await deps.send({
    id: request.id,
    to: { email, first_name },
    expires_at: expires_at.toISOString(),
    mail: { template: purpose, code, minutes: deps.codeMinutes },
  })
}

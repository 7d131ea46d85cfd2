// Becoming a person, proving a mailbox, and a forgotten password. What is answered here never depends on whether an
// address is known: a request is counted, written down and answered, and taken up afterwards (deliver-codes.ts).
import { randomBytes, randomUUIDv7 } from 'node:crypto'
import type { Call } from '@mcpshield/bus/rpc'
import type { auth } from '@mcpshield/contracts/auth'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { Codes } from './codes.ts'
import type { Credentials } from './credentials.ts'
import { binding } from './deliver-codes.ts'
import { takeTry, type Limit } from './limits.ts'
import type { OpenCodes, ResetTokens } from './open-codes.ts'
import type { Passwords } from './passwords.ts'
import { asUser, type People } from './people.ts'
import { closeEnded, type OpenSessions } from './sessions.ts'
import { refuseWeakPassword } from './weak-passwords.ts'

export type RegistrationDeps = {
  people: People
  credentials: Credentials
  passwords: Passwords
  codes: Codes
  openCodes: OpenCodes
  resetTokens: ResetTokens
  sessions: OpenSessions
  /** Requests of codes, per address. */
  codeLimit: Limit
  /** Registrations, per address: they mail a code too, but leave as many requests for another one. */
  registrationLimit: Limit
  codeMinutes: number
  now(): Date
}

type Registration = Pick<
  Handlers<typeof auth.rpc, Call>,
  'registerUser' | 'createUser' | 'requestOtp' | 'verifyOtp' | 'resetPassword'
>

export const TOO_MANY_CODES = 'Too many codes were asked for; wait before the next one.'
const RESET_TOKEN_SECONDS = 600

export function registration(deps: RegistrationDeps): Registration {
  const expires_in = deps.codeMinutes * 60
  return {
    async registerUser({ email, password, first_name, last_name }) {
      refuseWeakPassword(password, 'password', email)
      await takeTry(deps.registrationLimit, email, TOO_MANY_CODES)
      const password_hash = await deps.passwords.hash(password)
      const request = { kind: 'registration', email, password_hash, first_name, last_name } as const
      await deps.credentials.request(request, deps.now())
      return { email, expires_in }
    },

    async createUser({ password, ...names }) {
      refuseWeakPassword(password, 'password', names.email)
      const password_hash = await deps.passwords.hash(password)
      const person = { ...names, id: randomUUIDv7(), password_hash, created_at: deps.now() }
      return asUser(await deps.people.add(person))
    },

    async requestOtp({ email, purpose }) {
      await takeTry(deps.codeLimit, email, TOO_MANY_CODES)
      await deps.credentials.request({ kind: 'code', email, purpose }, deps.now())
      return { expires_in }
    },

    async verifyOtp({ email, purpose, code }) {
      const mac = deps.codes.macOf({ email, purpose, code })
      const bound = await deps.openCodes.redeem({ email, purpose, mac })
      if (bound === undefined) throw codeInvalid()
      if (purpose === 'reset_password') return grantReset(deps, email, bound)
      if (!(await confirmAddress(deps, email, bound))) throw codeInvalid()
      return { verified: true }
    },

    async resetPassword({ reset_token, new_password }) {
      refuseWeakPassword(new_password, 'new_password')
      const grant = await deps.resetTokens.look(reset_token)
      const person = grant && (await deps.people.byId(grant.user_id))
      if (person === undefined) throw resetTokenInvalid()
      // A password that is refused does not spend the token.
      refuseWeakPassword(new_password, 'new_password', person.email)
      const password_hash = await deps.passwords.hash(new_password)
      const taken = await deps.resetTokens.take(reset_token)
      if (taken === undefined) throw resetTokenInvalid()
      const ended = await deps.credentials.setPassword(
        { id: taken.user_id, generation: taken.generation },
        { password_hash, provesMailbox: true },
        deps.now(),
      )
      if (ended === undefined) throw resetTokenInvalid()
      await closeEnded(deps, ended)
      return {}
    },
  }
}

async function grantReset(deps: RegistrationDeps, email: string, bound: string) {
  const [, userId = ''] = bound.split(':')
  const person = await deps.people.byId(userId)
  if (person === undefined || person.email !== email || bound !== binding.person(userId, person.generation))
    throw codeInvalid()
  const reset_token = randomBytes(32).toString('base64url')
  const grant = { user_id: person.id, generation: person.generation }
  await deps.resetTokens.put(reset_token, grant, RESET_TOKEN_SECONDS * 1000)
  return { reset_token, expires_in: RESET_TOKEN_SECONDS }
}

async function confirmAddress(deps: RegistrationDeps, email: string, bound: string): Promise<boolean> {
  const [kind, first = '', second = ''] = bound.split(':')
  if (kind === 'registration') return deps.people.confirmRegistration(email, first, deps.now())
  const change = { userId: first, id: second, email }
  const ended = await deps.credentials.confirmEmailChange(change, deps.now())
  if (ended === undefined) return false
  await closeEnded(deps, ended)
  return true
}

/** The same for an unknown address and for a code that is wrong, was used, is too old or was tried too often. */
function codeInvalid(): AppError {
  const message = 'This code is not right or is not good any more; ask for a new one.'
  return new AppError('INVALID_ARGUMENT', message, {
    type: 'otp_invalid',
    errors: [{ path: 'code', message }],
  })
}

function resetTokenInvalid(): AppError {
  const message = 'This permission to reset a password is not good any more; ask for a new code.'
  return new AppError('INVALID_ARGUMENT', message, {
    type: 'reset_token_invalid',
    errors: [{ path: 'reset_token', message }],
  })
}

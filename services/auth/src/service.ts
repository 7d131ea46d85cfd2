// The use cases: who a person is, and whether they are signed in.
import { randomUUIDv7 } from 'node:crypto'
import type { Call } from '@mcpshield/bus/rpc'
import type { auth, User } from '@mcpshield/contracts/auth'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { networkOf } from './networks.ts'
import type { Passwords } from './passwords.ts'
import { closeSession, openSession, renewSession, type SessionDeps } from './sessions.ts'

export type Person = {
  id: string
  email: string
  password_hash: string
  first_name: string
  last_name: string
  is_email_verified: boolean
  created_at: Date
}

export type Users = {
  byEmail(email: string): Promise<Person | undefined>
  byId(id: string): Promise<Person | undefined>
  /** Stores a person and tells that they registered, or neither; CONFLICT when the address is taken. */
  register(person: Person): Promise<void>
}

export type LoginLimit = {
  /** Counts a try; null, or the milliseconds until tries are taken again. */
  take(who: string): Promise<number | null>
  forget(who: string): Promise<unknown>
}

export type AuthDeps = SessionDeps & {
  users: Users
  passwords: Passwords
  loginLimit: LoginLimit
  /** Each rejects when it does not answer. */
  checks: Record<string, () => Promise<unknown>>
}

export function authService(deps: AuthDeps): Handlers<typeof auth.rpc, Call> {
  return {
    async createUser({ password, ...names }) {
      const person = {
        ...names,
        id: randomUUIDv7(),
        password_hash: await deps.passwords.hash(password),
        is_email_verified: true,
        created_at: deps.now(),
      }
      await deps.users.register(person)
      return asUser(person)
    },

    async createSession({ email, password, remember_me }, { caller }) {
      const who = `${email}\n${caller.kind === 'anonymous' ? networkOf(caller.address) : caller.kind}`
      const waitMs = await deps.loginLimit.take(who)
      if (waitMs !== null) {
        throw new AppError('RATE_LIMITED', 'Too many tries to sign in; wait before the next one.', {
          retry_after_ms: waitMs,
        })
      }
      const person = await deps.users.byEmail(email)
      const right = await deps.passwords.verify(person?.password_hash, password)
      if (person === undefined || !right) {
        throw new AppError('UNAUTHENTICATED', 'The e-mail address or the password is not right.')
      }
      // Only now: who does not know the password learns nothing about the address.
      if (!person.is_email_verified) {
        throw new AppError('PERMISSION_DENIED', 'This e-mail address is not verified yet.', {
          type: 'email_not_verified',
        })
      }
      await deps.loginLimit.forget(who)
      const issued = await openSession(deps, person.id, remember_me)
      return { ...issued, token_type: 'Bearer', user: asUser(person) }
    },

    async refreshSession({ refresh_token }) {
      const { userId, ...issued } = await renewSession(deps, refresh_token)
      return { ...issued, token_type: 'Bearer', user: asUser(await personOf(deps, userId)) }
    },

    async endSession(_input, call) {
      await closeSession(deps, signedIn(call).session_id)
      return {}
    },

    async getMe(_input, call) {
      return asUser(await personOf(deps, signedIn(call).user_id))
    },

    async getSigningKeys() {
      return { keys: deps.tokens.publicKeys }
    },

    async checkSession({ session_id }) {
      return { open: await deps.sessions.isOpen(session_id) }
    },

    async checkHealth() {
      const checked = await Promise.all(
        Object.entries(deps.checks).map(async ([name, check]) => [name, await answers(check)] as const),
      )
      return { ok: checked.every(([, each]) => each.ok), dependencies: Object.fromEntries(checked) }
    },
  }
}

function signedIn({ caller }: Call): Extract<Call['caller'], { kind: 'user' }> {
  if (caller.kind === 'user') return caller
  throw new AppError('UNAUTHENTICATED', 'Sign in first.')
}

async function personOf(deps: AuthDeps, id: string): Promise<Person> {
  const person = await deps.users.byId(id)
  if (person === undefined) throw new AppError('UNAUTHENTICATED', 'This person does not exist any more.')
  return person
}

function asUser({ id, email, first_name, last_name, is_email_verified, created_at }: Person): User {
  return { id, email, first_name, last_name, is_email_verified, created_at: created_at.toISOString() }
}

async function answers(check: () => Promise<unknown>): Promise<{ ok: boolean; detail?: string }> {
  try {
    await check()
    return { ok: true }
  } catch (error) {
    return { ok: false, detail: (error as Error).message }
  }
}

// Signing in, staying signed in, and signing out, here or everywhere.
import type { Call } from '@mcpshield/bus/rpc'
import type { auth } from '@mcpshield/contracts/auth'
import type { Caller } from '@mcpshield/contracts/caller'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { signedIn } from '@mcpshield/contracts/rights'
import type { Credentials } from './credentials.ts'
import { takeTry, type Limit } from './limits.ts'
import { networkOf } from '@mcpshield/contracts/networks'
import type { Passwords } from './passwords.ts'
import { asUser, personOf, present, type People, type Person } from './people.ts'
import { secondFactorIsRight, type SecondFactorDeps } from './second-factor.ts'
import {
  closeEnded,
  closeSession,
  openSession,
  renewSession,
  type Origin,
  type SessionDeps,
} from './sessions.ts'

export type SignInDeps = SessionDeps &
  SecondFactorDeps & {
    people: People
    credentials: Credentials
    passwords: Passwords
    loginLimit: Limit
  }

type SignIn = Pick<
  Handlers<typeof auth.rpc, Call>,
  | 'createSession'
  | 'refreshSession'
  | 'endSession'
  | 'listSessions'
  | 'endOneSession'
  | 'endAllSessions'
  | 'getSigningKeys'
  | 'checkSession'
>

export function signIn(deps: SignInDeps): SignIn {
  return {
    async createSession({ email, password, remember_me, otp }, { caller }) {
      const origin = originOf(caller)
      const who = `${email}\n${networkOf(origin.address)}`
      await takeTry(deps.loginLimit, who, 'Too many tries to sign in; wait before the next one.')
      const person = await personWith(deps, email, password)
      await askSecondFactor(deps, person, otp)
      // Only a whole success: the right password alone must not give more tries of the second factor, or of others.
      await deps.loginLimit.forget(who)
      const issued = await openSession(deps, person, origin, remember_me)
      return { ...issued, token_type: 'Bearer', user: asUser(person) }
    },

    async refreshSession({ refresh_token }) {
      const { userId, ...issued } = await renewSession(deps, refresh_token)
      return { ...issued, token_type: 'Bearer', user: asUser(await personOf(deps, userId)) }
    },

    async endSession(_input, call) {
      const { user_id, session_id } = signedIn(call.caller)
      await closeSession(deps, user_id, session_id)
      return {}
    },

    async listSessions(_input, call) {
      const { user_id, session_id } = signedIn(call.caller)
      const open = await deps.sessions.list(user_id, deps.now())
      const newestFirst = open.sort((a, b) => b.created_at.getTime() - a.created_at.getTime())
      const items = newestFirst.map(({ id, created_at, last_seen_at, expires_at, address, user_agent }) => ({
        id,
        created_at: created_at.toISOString(),
        last_seen_at: last_seen_at.toISOString(),
        expires_at: expires_at.toISOString(),
        address,
        user_agent,
        current: id === session_id,
      }))
      return { items, next_cursor: null, prev_cursor: null }
    },

    async endOneSession({ session_id }, call) {
      const { user_id } = signedIn(call.caller)
      if (!(await closeSession(deps, user_id, session_id)))
        throw new AppError('NOT_FOUND', 'There is no such session.')
      return {}
    },

    async endAllSessions(_input, call) {
      const { user_id } = signedIn(call.caller)
      await closeEnded(deps, present(await deps.credentials.endAllSessions(user_id)))
      return {}
    },

    async getSigningKeys() {
      return { keys: deps.tokens.publicKeys() }
    },

    async checkSession({ session_id }) {
      return { open: await deps.sessions.touch(session_id, deps.now()) }
    },
  }
}

/** The person with this address and password. What is refused for whatever reason takes as long and says the same. */
async function personWith(deps: SignInDeps, email: string, password: string): Promise<Person> {
  const person = await deps.people.byEmail(email)
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
  return person
}

async function askSecondFactor(deps: SignInDeps, person: Person, otp: string | undefined): Promise<void> {
  const totp = await deps.secondFactors.find(person.id)
  if (totp?.confirmed !== true) return
  if (otp === undefined) {
    throw new AppError(
      'UNAUTHENTICATED',
      'Send a code of your authenticator app, or a recovery code, as otp.',
      {
        type: 'mfa_required',
      },
    )
  }
  if (!(await secondFactorIsRight(deps, person.id, totp, otp))) {
    throw new AppError('UNAUTHENTICATED', 'This code is not right or was used before.', {
      type: 'mfa_invalid',
    })
  }
}

function originOf(caller: Caller): Origin {
  return caller.kind === 'anonymous'
    ? { address: caller.address, user_agent: caller.user_agent ?? null }
    : { address: caller.kind, user_agent: null }
}

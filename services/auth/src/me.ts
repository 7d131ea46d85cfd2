// A person's own account: what they see, change and delete.
import { randomUUID } from 'node:crypto'
import type { Call } from '@mcpshield/bus/rpc'
import type { auth } from '@mcpshield/contracts/auth'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { signedIn } from '@mcpshield/contracts/rights'
import { EMAIL_CHANGE_WAITS_MS, type Credentials } from './credentials.ts'
import { takeTry, type Limit } from './limits.ts'
import type { OpenCodes } from './open-codes.ts'
import { asMe, notificationsOf, personOf, present, type People, type Person } from './people.ts'
import { reauthenticate, type ReauthenticationDeps } from './reauthenticate.ts'
import { TOO_MANY_CODES } from './registration.ts'
import type { SecondFactorDeps } from './second-factor.ts'
import { closeEnded, type SessionDeps } from './sessions.ts'
import { refuseWeakPassword } from './weak-passwords.ts'

export type MeDeps = ReauthenticationDeps &
  Pick<SecondFactorDeps, 'secondFactors' | 'mfaLimit' | 'now'> &
  Pick<SessionDeps, 'sessions'> & {
    people: People
    credentials: Credentials
    openCodes: OpenCodes
    codeLimit: Limit
    codeMinutes: number
    /** Names of the organisations that would be left without an owner; rejects when nobody can say. */
    neededBy(userId: string, requestId: string): Promise<string[]>
  }

type OwnAccount = Pick<
  Handlers<typeof auth.rpc, Call>,
  | 'getMe'
  | 'updateMe'
  | 'deleteMe'
  | 'changePassword'
  | 'changeEmail'
  | 'getNotifications'
  | 'setNotifications'
  | 'getRecipient'
>

export function me(deps: MeDeps): OwnAccount {
  const asking = (call: Call) => personOf(deps, signedIn(call.caller).user_id)
  return {
    getMe: async (_input, call) => shown(deps, await asking(call)),

    async updateMe(input, call) {
      const { user_id } = signedIn(call.caller)
      return shown(deps, present(await deps.people.change(user_id, given(input), deps.now())))
    },

    async deleteMe({ password }, call) {
      const person = await asking(call)
      await reauthenticate(deps, person, password)
      refuseWhileNeeded(await deps.neededBy(person.id, call.requestId))
      await closeEnded(deps, present(await deps.people.remove(person.id)))
      await forget(deps, person)
      return {}
    },

    async changePassword({ current_password, new_password }, call) {
      const person = await asking(call)
      refuseWeakPassword(new_password, 'new_password', person.email)
      await reauthenticate(deps, person, current_password)
      const password_hash = await deps.passwords.hash(new_password)
      const set = { password_hash, provesMailbox: false }
      const ended = await deps.credentials.setPassword(person, set, deps.now())
      if (ended === undefined) throw new AppError('UNAUTHENTICATED', 'This session has ended; sign in again.')
      await closeEnded(deps, ended)
      return {}
    },

    async changeEmail({ email, password }, call) {
      const person = await asking(call)
      await reauthenticate(deps, person, password)
      // Back to the address that holds: there is nothing to confirm.
      if (email === person.email) await deps.credentials.dropEmailChange(person.id)
      else {
        await takeTry(deps.codeLimit, email, TOO_MANY_CODES)
        await deps.credentials.startEmailChange(person.id, { id: randomUUID(), email }, deps.now())
      }
      return { expires_in: deps.codeMinutes * 60 }
    },

    getNotifications: async (_input, call) => notificationsOf(await asking(call)),

    async setNotifications(input, call) {
      const { user_id } = signedIn(call.caller)
      return notificationsOf(present(await deps.people.setNotifications(user_id, given(input))))
    },

    async getRecipient({ user_id }) {
      const person = await deps.people.byId(user_id)
      if (person === undefined) throw new AppError('NOT_FOUND', 'There is no such person.')
      const { email, first_name } = person
      return { email, first_name, notifications: notificationsOf(person) }
    },
  }
}

async function shown(deps: MeDeps, person: Person) {
  const totp = await deps.secondFactors.find(person.id)
  const pendingSince = new Date(deps.now().getTime() - EMAIL_CHANGE_WAITS_MS)
  return asMe(person, { mfaEnabled: totp?.confirmed === true, pendingSince })
}

function refuseWhileNeeded(organizations: string[]): void {
  if (organizations.length === 0) return
  throw new AppError(
    'CONFLICT',
    `Other members need you as the only owner of: ${organizations.join(', ')}. Hand over ownership first.`,
    { type: 'owner_needed' },
  )
}

/** What is left in Redis would end by itself; nothing of the person waits for that. */
async function forget(deps: MeDeps, { id, email, pending_email }: Person): Promise<void> {
  const addresses = pending_email === null ? [email] : [email, pending_email]
  await Promise.allSettled([
    ...addresses.map((address) => deps.openCodes.drop(address)),
    deps.reauthLimit.forget(id),
    deps.mfaLimit.forget(id),
  ])
}

/** Without the fields that were not given: they stay. */
function given<T extends object>(input: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as never
}

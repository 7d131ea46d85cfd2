// The second factor: an authenticator app, with recovery codes for when it is lost.
import type { Call } from '@mcpshield/bus/rpc'
import type { auth } from '@mcpshield/contracts/auth'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { signedIn } from '@mcpshield/contracts/rights'
import type { Sealer } from '@mcpshield/db/seal'
import { takeTry, type Limit } from './limits.ts'
import { personOf, present, type People, type Person } from './people.ts'
import { reauthenticate, type ReauthenticationDeps } from './reauthenticate.ts'
import { closeEnded, type Ended, type SessionDeps } from './sessions.ts'
import { isAppCode, newRecoveryCodes, newTotpSecret, otpauthUri, recoveryDigest, stepOf } from './totp.ts'

export type Totp = { sealed_secret: string; confirmed: boolean; last_step: number | null }

export type SecondFactors = {
  find(userId: string): Promise<Totp | undefined>
  /** Stores a secret in place of one that was not confirmed; false when one is in force. */
  begin(userId: string, sealedSecret: string, now: Date): Promise<boolean>
  /** Puts this very secret in force, with recovery codes; ends the other sessions. Undefined when it is not there. */
  confirm(
    userId: string,
    confirmed: { step: number; digests: string[]; sealed_secret: string; except: string },
    now: Date,
  ): Promise<Ended | undefined>
  /** True for the first who comes with a code of this time step or a later one. */
  useStep(userId: string, step: number): Promise<boolean>
  /** True for one caller only. */
  useRecoveryCode(userId: string, digest: string): Promise<boolean>
  renewRecoveryCodes(userId: string, digests: string[], now: Date): Promise<boolean>
  remove(userId: string, except: string, now: Date): Promise<Ended | undefined>
  /** Stores what the function makes of each sealed secret, where it makes something. */
  reseal(sealedAnew: (userId: string, sealed: string) => string | undefined): Promise<void>
}

export type SecondFactorDeps = {
  secondFactors: SecondFactors
  /** Tries of one person, from wherever: to be counted one has to know the password. */
  mfaLimit: Limit
  sealer: Sealer
  now(): Date
}

type Deps = SecondFactorDeps & ReauthenticationDeps & Pick<SessionDeps, 'sessions'> & { people: People }

const context = (userId: string) => `users/${userId}/totp`

/** Whether this is a code of the person's app, or one of their recovery codes, that was not used before. */
export async function secondFactorIsRight(
  deps: SecondFactorDeps,
  userId: string,
  totp: Totp,
  typed: string,
): Promise<boolean> {
  await takeTry(deps.mfaLimit, userId, 'Too many wrong codes; wait before the next try.')
  const right = isAppCode(typed)
    ? await useAppCode(deps, userId, totp, typed)
    : await deps.secondFactors.useRecoveryCode(userId, recoveryDigest(typed))
  if (right) await deps.mfaLimit.forget(userId)
  return right
}

async function useAppCode(deps: SecondFactorDeps, userId: string, totp: Totp, typed: string) {
  const step = stepOf(secretOf(deps, userId, totp), typed.replace(/\s/g, ''), deps.now())
  return step !== undefined && (await deps.secondFactors.useStep(userId, step))
}

function secretOf({ sealer }: Pick<SecondFactorDeps, 'sealer'>, userId: string, totp: Totp): string {
  return sealer.open(totp.sealed_secret, context(userId)).toString()
}

/** Seals anew every secret that lies under an earlier master key. */
export async function resealSecrets({
  secondFactors,
  sealer,
}: Pick<SecondFactorDeps, 'secondFactors' | 'sealer'>): Promise<void> {
  await secondFactors.reseal((userId, sealed) =>
    sealer.isCurrent(sealed) ? undefined : sealer.seal(sealer.open(sealed, context(userId)), context(userId)),
  )
}

export function secondFactor(
  deps: Deps,
): Pick<Handlers<typeof auth.rpc, Call>, 'enrolTotp' | 'removeTotp' | 'renewRecoveryCodes'> {
  return {
    async enrolTotp({ password, code }, call) {
      const { user_id, session_id } = signedIn(call.caller)
      if (password !== undefined && code === undefined) return begin(deps, user_id, password)
      if (code !== undefined && password === undefined) return confirm(deps, user_id, code, session_id)
      throw new AppError('INVALID_ARGUMENT', 'Send the password to begin, or a code of the app to confirm.', {
        errors: [{ path: 'password', message: 'exactly one of password and code is needed' }],
      })
    },

    async removeTotp({ password, otp }, call) {
      const { user_id, session_id } = signedIn(call.caller)
      await proveBoth(deps, user_id, password, otp)
      const ended = await deps.secondFactors.remove(user_id, session_id, deps.now())
      if (ended === undefined) throw notEnabled()
      await closeEnded(deps, ended)
      return {}
    },

    async renewRecoveryCodes({ password, otp }, call) {
      const { user_id } = signedIn(call.caller)
      await proveBoth(deps, user_id, password, otp)
      const codes = newRecoveryCodes()
      const digests = codes.map(recoveryDigest)
      if (!(await deps.secondFactors.renewRecoveryCodes(user_id, digests, deps.now()))) throw notEnabled()
      return { recovery_codes: codes }
    },
  }
}

async function begin(deps: Deps, userId: string, password: string) {
  const person = await personOf(deps, userId)
  await reauthenticate(deps, person, password)
  const secret = newTotpSecret()
  const sealed = deps.sealer.seal(secret, context(userId))
  if (!(await deps.secondFactors.begin(userId, sealed, deps.now()))) throw alreadyEnabled()
  return { enabled: false, secret, otpauth_uri: otpauthUri(secret, person.email) }
}

async function confirm(deps: Deps, userId: string, code: string, sessionId: string) {
  const totp = await deps.secondFactors.find(userId)
  if (totp === undefined)
    throw new AppError('CONFLICT', 'Begin with the password: there is no app to confirm.')
  if (totp.confirmed) throw alreadyEnabled()
  await takeTry(deps.mfaLimit, userId, 'Too many wrong codes; wait before the next try.')
  const step = stepOf(secretOf(deps, userId, totp), code, deps.now())
  if (step === undefined) {
    throw new AppError('INVALID_ARGUMENT', 'This is not the code that the app shows now.', {
      type: 'mfa_invalid',
      errors: [{ path: 'code', message: 'not the present code of the app' }],
    })
  }
  const codes = newRecoveryCodes()
  const ended = await deps.secondFactors.confirm(
    userId,
    { step, digests: codes.map(recoveryDigest), sealed_secret: totp.sealed_secret, except: sessionId },
    deps.now(),
  )
  if (ended === undefined) throw alreadyEnabled()
  await deps.mfaLimit.forget(userId)
  await closeEnded(deps, ended)
  return { enabled: true, recovery_codes: codes }
}

async function proveBoth(deps: Deps, userId: string, password: string, otp: string): Promise<Person> {
  const person = present(await deps.people.byId(userId))
  await reauthenticate(deps, person, password)
  const totp = await deps.secondFactors.find(userId)
  if (totp?.confirmed !== true) throw notEnabled()
  if (!(await secondFactorIsRight(deps, userId, totp, otp))) {
    throw new AppError('PERMISSION_DENIED', 'This code is not right or was used before.', {
      type: 'mfa_invalid',
    })
  }
  return person
}

function alreadyEnabled(): AppError {
  return new AppError('CONFLICT', 'An authenticator app is in use already; remove it first.')
}

function notEnabled(): AppError {
  return new AppError('CONFLICT', 'No authenticator app is in use.')
}

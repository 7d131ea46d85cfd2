// The use cases, by noun.
import type { Call } from '@mcpshield/bus/rpc'
import type { auth } from '@mcpshield/contracts/auth'
import type { Handlers } from '@mcpshield/contracts/define'
import { healthOf, type Checks } from '@mcpshield/runtime/health'
import { me, type MeDeps } from './me.ts'
import { registration, type RegistrationDeps } from './registration.ts'
import { secondFactor } from './second-factor.ts'
import { signIn, type SignInDeps } from './sign-in.ts'

export type AuthDeps = RegistrationDeps &
  SignInDeps &
  MeDeps & {
    /** Each rejects when it does not answer. */
    checks: Checks
  }

export function authService(deps: AuthDeps): Handlers<typeof auth.rpc, Call> {
  return {
    ...registration(deps),
    ...signIn(deps),
    ...me(deps),
    ...secondFactor(deps),

    checkHealth: () => healthOf(deps.checks),
  }
}

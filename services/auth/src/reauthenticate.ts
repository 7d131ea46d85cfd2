// Proving once more who one is, inside a session, before what an account depends on is changed.
import { AppError } from '@mcpshield/contracts/errors'
import { takeTry, type Limit } from './limits.ts'
import type { Passwords } from './passwords.ts'
import type { Person } from './people.ts'

export type ReauthenticationDeps = { passwords: Passwords; reauthLimit: Limit }

/** Throws when this is not the person's password: a 403, so that no client takes it for a session that has ended. */
export async function reauthenticate(
  deps: ReauthenticationDeps,
  person: Pick<Person, 'id' | 'password_hash'>,
  password: string,
): Promise<void> {
  await takeTry(deps.reauthLimit, person.id, 'Too many wrong passwords; wait before the next try.')
  if (!(await deps.passwords.verify(person.password_hash, password))) {
    throw new AppError('PERMISSION_DENIED', 'The password is not right.', { type: 'password_wrong' })
  }
  await deps.reauthLimit.forget(person.id)
}

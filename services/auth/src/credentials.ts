// What a person proves who they are with, and where they are reached, as the use cases see it.
import type { Purpose } from './codes.ts'
import type { Names, Person } from './people.ts'
import type { Ended } from './sessions.ts'

/** A request that a code is made for, once it is taken up; in the outbox until then. */
export type CodeRequest =
  | ({ kind: 'registration'; email: string; password_hash: string } & Names)
  | { kind: 'code'; email: string; purpose: Purpose }
  | { kind: 'email_change'; user_id: string; change_id: string; email: string }

/** How long a change of address can be confirmed: a mistyped address is somebody's, who may ask for codes too. */
export const EMAIL_CHANGE_WAITS_MS = 3_600_000

export type Credentials = {
  /** Puts a request into the outbox: the same work whatever the address is. */
  request(request: CodeRequest, now: Date): Promise<void>
  /** Notes a change of address that waits for its code, and requests the code. */
  startEmailChange(userId: string, change: { id: string; email: string }, now: Date): Promise<void>
  dropEmailChange(userId: string): Promise<void>
  /** The address changes, sessions end; undefined when this is not the change that waits, or the address was taken. */
  confirmEmailChange(
    change: { userId: string; id: string; email: string },
    now: Date,
  ): Promise<Ended | undefined>
  /**
   * The password changes, sessions end, a change of address that waits is dropped; undefined when the person is gone or
   * of another generation. A reset proves the mailbox: an address that was not verified is.
   */
  setPassword(
    person: Pick<Person, 'id' | 'generation'>,
    set: { password_hash: string; provesMailbox: boolean },
    now: Date,
  ): Promise<Ended | undefined>
  endAllSessions(userId: string): Promise<Ended | undefined>
}

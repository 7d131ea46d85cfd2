// The one service that signs for NATS: for each SIEM credential an account of its own, and the users of that account,
// after fixed templates. Nobody names permissions, subjects or accounts here: a credential's id gives all of them.
import { z } from 'zod'
import { contract, rpc } from './define.ts'
import { Empty, Health, Id, Time } from './values.ts'

/** Public key of a NATS user. */
const UserKey = z.string().regex(/^U[A-Z2-7]{55}$/, 'must be the public key of a NATS user')
const Jwt = z.object({ jwt: z.string() })
const errors = ['CONFLICT', 'UNAVAILABLE'] as const

export const busKeys = contract('bus-keys', {
  rpc: {
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    /**
     * Tells the servers of a credential's account. `resting`: nobody is connected to it. `revoked`: nobody who was given
     * anything so far ever is again; `closed`: nobody at all, and it holds nothing. There is no way back (CONFLICT).
     */
    setAccount: rpc({
      input: z.strictObject({ credential_id: Id, state: z.enum(['open', 'resting', 'revoked', 'closed']) }),
      output: Empty,
      errors,
      access: 'internal',
      timeoutMs: 8_000,
    }),
    /** What the credential's holder connects with: reads its own durable, and nothing else. */
    signReader: rpc({
      input: z.strictObject({
        credential_id: Id,
        org_id: Id,
        user_key: UserKey,
        expires_at: Time.nullable(),
      }),
      output: Jwt,
      errors,
      access: 'internal',
    }),
    /** What fills the credential's account with the organisation's events: for a day. */
    signWriter: rpc({
      input: z.strictObject({ credential_id: Id, user_key: UserKey }),
      output: Jwt,
      errors,
      access: 'internal',
    }),
  },
})

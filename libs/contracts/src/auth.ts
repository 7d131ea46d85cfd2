// People: who they are and whether they are signed in.
import { z } from 'zod'
import { contract, rpc } from './define.ts'
import { Email, Empty, Health, Id, Time } from './values.ts'

const Name = z.string().trim().min(1).max(100)

export const User = z.object({
  id: Id,
  email: z.email(),
  first_name: z.string(),
  last_name: z.string(),
  is_email_verified: z.boolean(),
  created_at: Time,
})
export type User = z.infer<typeof User>

export const Session = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  token_type: z.literal('Bearer'),
  /** Seconds until the access token expires. */
  expires_in: z.int(),
  user: User,
})

export const auth = contract('auth', {
  rpc: {
    createSession: rpc({
      input: z.strictObject({
        email: Email,
        password: z.string().min(1).max(200),
        remember_me: z.boolean().default(false),
      }),
      output: Session,
      errors: ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'RATE_LIMITED', 'UNAVAILABLE'],
      access: 'public',
      http: { method: 'POST', path: '/auth/login', summary: 'Sign in with e-mail address and password' },
    }),
    refreshSession: rpc({
      input: z.strictObject({ refresh_token: z.string().min(1).max(4096) }),
      output: Session,
      errors: ['UNAUTHENTICATED', 'UNAVAILABLE'],
      access: 'public',
      http: { method: 'POST', path: '/auth/refresh', summary: 'Exchange a refresh token for new tokens' },
    }),
    endSession: rpc({
      input: Empty,
      output: Empty,
      errors: ['UNAUTHENTICATED'],
      access: 'user',
      http: { method: 'POST', path: '/auth/logout', status: 204, summary: 'Sign out' },
    }),
    getMe: rpc({
      input: Empty,
      output: User,
      errors: ['UNAUTHENTICATED'],
      access: 'user',
      http: { method: 'GET', path: '/me', summary: 'The signed-in person' },
    }),
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    /** Public keys that verify access tokens, as a JWK set. */
    getSigningKeys: rpc({
      input: Empty,
      output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
      errors: [],
      access: 'internal',
    }),
    /** Whether a session named by an access token is still open. */
    checkSession: rpc({
      input: z.strictObject({ session_id: z.string() }),
      output: z.object({ open: z.boolean() }),
      errors: ['UNAVAILABLE'],
      access: 'internal',
    }),
    /** Makes a person whose address counts as verified: the operator's way in, never on HTTP. */
    createUser: rpc({
      input: z.strictObject({
        email: Email,
        password: z.string().min(12).max(200),
        first_name: Name,
        last_name: Name,
      }),
      output: User,
      errors: ['CONFLICT'],
      access: 'internal',
    }),
  },
  evt: {
    userRegistered: z.object({ user_id: Id, email: z.email(), first_name: z.string() }),
  },
})

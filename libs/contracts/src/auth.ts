// People: who they are, whether they are signed in, and what they want to be told.
import { z } from 'zod'
import { contract, rpc } from './define.ts'
import { Email, Empty, Health, Id, Time } from './values.ts'

/** Of a person, as typed: shown in mails and to colleagues, so without control characters or line ends. */
const PersonName = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}<>]*$/u, 'must be one line without < and >')

/** 12 characters at least; known-common ones are refused by the service. No rule of composition, no truncation. */
const NewPassword = z.string().min(12).max(200)
/** As typed to prove who one is. */
const Password = z.string().min(1).max(200)
const OtpPurpose = z.enum(['verify_email', 'reset_password'])

export const User = z.object({
  id: Id,
  email: z.email(),
  first_name: z.string(),
  last_name: z.string(),
  is_email_verified: z.boolean(),
  created_at: Time,
})
export type User = z.infer<typeof User>

const ProfileLine = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'must be one line')
    .nullable()
const profileFields = {
  company: ProfileLine(200),
  job_title: ProfileLine(200),
  bio: z
    .string()
    .trim()
    .max(2_000)
    .regex(/^(?:[^\p{Cc}]|[\t\n\r])*$/u, 'must not have control characters')
    .nullable(),
  location: ProfileLine(200),
  website_url: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .regex(/^[^\p{Cc}]*$/u, 'must not have control characters')
    .nullable(),
}

/** A person as they see themselves. */
export const Me = User.extend({
  ...profileFields,
  /** An address that is not confirmed yet; the present one holds until then. */
  pending_email: z.email().nullable(),
  mfa_enabled: z.boolean(),
  updated_at: Time,
})
export type Me = z.infer<typeof Me>

export const Session = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  token_type: z.literal('Bearer'),
  /** Seconds until the access token expires. */
  expires_in: z.int(),
  user: User,
})

/** One place where a person is signed in. */
export const OpenSession = z.object({
  id: Id,
  created_at: Time,
  last_seen_at: Time,
  expires_at: Time,
  /** Network address of the sign-in. */
  address: z.string(),
  /** What the program said of itself. */
  user_agent: z.string().nullable(),
  /** Whether this is the session that asks. */
  current: z.boolean(),
})

/** Mails that a person may do without. Those that keep an account safe are always sent. */
export const Notifications = z.object({
  plan_limit_near: z.boolean(),
  plan_limit_reached: z.boolean(),
  pending_approval: z.boolean(),
  quarantined_tool: z.boolean(),
})
export type Notifications = z.infer<typeof Notifications>

const me = ['UNAUTHENTICATED', 'UNAVAILABLE'] as const

export const auth = contract('auth', {
  rpc: {
    registerUser: rpc({
      input: z.strictObject({
        email: Email,
        password: NewPassword,
        first_name: PersonName,
        last_name: PersonName,
      }),
      /** The same whether or not the address was known. `expires_in`: seconds that the mailed code is good for. */
      output: z.object({ email: z.email(), expires_in: z.int() }),
      errors: ['RATE_LIMITED', 'UNAVAILABLE'],
      access: 'public',
      http: {
        method: 'POST',
        path: '/auth/register',
        status: 201,
        perMinute: 30,
        summary: 'Register; a code to confirm the address comes by mail',
      },
    }),
    createSession: rpc({
      input: z.strictObject({
        email: Email,
        password: Password,
        remember_me: z.boolean().default(false),
        /** A code of the authenticator app, or a recovery code, where the account asks for one. */
        otp: z.string().min(1).max(64).optional(),
      }),
      output: Session,
      errors: ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'RATE_LIMITED', 'UNAVAILABLE'],
      access: 'public',
      http: {
        method: 'POST',
        path: '/auth/login',
        perMinute: 60,
        summary: 'Sign in with e-mail address and password',
      },
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
      errors: ['UNAUTHENTICATED', 'UNAVAILABLE'],
      access: 'user',
      http: { method: 'POST', path: '/auth/logout', status: 204, summary: 'Sign out' },
    }),
    requestOtp: rpc({
      input: z.strictObject({ email: Email, purpose: OtpPurpose }),
      /** The same whether or not the address is known. `expires_in`: seconds that a code is good for. */
      output: z.object({ expires_in: z.int() }),
      errors: ['RATE_LIMITED', 'UNAVAILABLE'],
      access: 'public',
      http: {
        method: 'POST',
        path: '/auth/otp/request',
        status: 202,
        perMinute: 60,
        summary: 'Have a code mailed, to confirm an address or to reset a password',
      },
    }),
    verifyOtp: rpc({
      input: z.strictObject({
        email: Email,
        purpose: OtpPurpose,
        code: z
          .string()
          .trim()
          .regex(/^\d{4,10}$/, 'must be the digits of the code'),
      }),
      /** `verified` for `verify_email`; `reset_token`, good for `expires_in` seconds, for `reset_password`. */
      output: z.object({
        verified: z.literal(true).optional(),
        reset_token: z.string().optional(),
        expires_in: z.int().optional(),
      }),
      errors: ['INVALID_ARGUMENT', 'UNAVAILABLE'],
      access: 'public',
      http: { method: 'POST', path: '/auth/otp/verify', perMinute: 60, summary: 'Redeem a mailed code' },
    }),
    resetPassword: rpc({
      input: z.strictObject({ reset_token: z.string().min(1).max(200), new_password: NewPassword }),
      output: Empty,
      errors: ['INVALID_ARGUMENT', 'UNAVAILABLE'],
      access: 'public',
      http: {
        method: 'POST',
        path: '/auth/password/reset',
        status: 204,
        perMinute: 60,
        summary: 'Set a new password; every session ends',
      },
    }),
    getMe: rpc({
      input: Empty,
      output: Me,
      errors: me,
      access: 'user',
      http: { method: 'GET', path: '/me', summary: 'The signed-in person' },
    }),
    updateMe: rpc({
      input: z.strictObject({
        first_name: PersonName.optional(),
        last_name: PersonName.optional(),
        company: profileFields.company.optional(),
        job_title: profileFields.job_title.optional(),
        bio: profileFields.bio.optional(),
        location: profileFields.location.optional(),
        website_url: profileFields.website_url.optional(),
      }),
      output: Me,
      errors: me,
      access: 'user',
      http: { method: 'PATCH', path: '/me', summary: 'Change names and profile; what is not given stays' },
    }),
    deleteMe: rpc({
      input: z.strictObject({ password: Password }),
      output: Empty,
      errors: [...me, 'PERMISSION_DENIED', 'CONFLICT', 'RATE_LIMITED'],
      access: 'user',
      http: {
        method: 'DELETE',
        path: '/me',
        status: 204,
        body: true,
        perMinute: 30,
        summary: 'Delete the account and everything that is only this person’s',
      },
    }),
    changePassword: rpc({
      input: z.strictObject({ current_password: Password, new_password: NewPassword }),
      output: Empty,
      errors: [...me, 'PERMISSION_DENIED', 'INVALID_ARGUMENT', 'RATE_LIMITED'],
      access: 'user',
      http: {
        method: 'PUT',
        path: '/me/password',
        status: 204,
        perMinute: 30,
        summary: 'Change the password; every session ends, this one too',
      },
    }),
    changeEmail: rpc({
      input: z.strictObject({ email: Email, password: Password }),
      /** The same whether or not the new address is somebody’s. */
      output: z.object({ expires_in: z.int() }),
      errors: [...me, 'PERMISSION_DENIED', 'RATE_LIMITED'],
      access: 'user',
      http: {
        method: 'PUT',
        path: '/me/email',
        status: 202,
        perMinute: 30,
        summary: 'Change the address; it holds once its code is redeemed at /auth/otp/verify (verify_email)',
      },
    }),
    listSessions: rpc({
      input: Empty,
      output: z.object({
        items: z.array(OpenSession),
        next_cursor: z.null(),
        prev_cursor: z.null(),
      }),
      errors: me,
      access: 'user',
      http: { method: 'GET', path: '/me/sessions', summary: 'Where the person is signed in, newest first' },
    }),
    endOneSession: rpc({
      input: z.strictObject({ session_id: Id }),
      output: Empty,
      errors: [...me, 'NOT_FOUND'],
      access: 'user',
      http: {
        method: 'DELETE',
        path: '/me/sessions/{session_id}',
        status: 204,
        summary: 'End one session at once',
      },
    }),
    endAllSessions: rpc({
      input: Empty,
      output: Empty,
      errors: me,
      access: 'user',
      http: {
        method: 'DELETE',
        path: '/me/sessions',
        status: 204,
        summary: 'End every session at once, this one too',
      },
    }),
    enrolTotp: rpc({
      input: z.strictObject({
        /** Begins: a new secret is made, in force once it is confirmed. */
        password: Password.optional(),
        /** Confirms: a code of the app that was given the secret. */
        code: z
          .string()
          .regex(/^\d{6}$/, 'must be six digits')
          .optional(),
      }),
      /** Begun: `secret` and `otpauth_uri`, shown once. Confirmed: `recovery_codes`, shown once. */
      output: z.object({
        enabled: z.boolean(),
        secret: z.string().optional(),
        otpauth_uri: z.string().optional(),
        recovery_codes: z.array(z.string()).optional(),
      }),
      errors: [...me, 'PERMISSION_DENIED', 'INVALID_ARGUMENT', 'CONFLICT', 'RATE_LIMITED'],
      access: 'user',
      http: {
        method: 'POST',
        path: '/me/mfa/totp',
        perMinute: 30,
        summary: 'Set up an authenticator app: first with the password, then with a code of the app',
      },
    }),
    removeTotp: rpc({
      input: z.strictObject({ password: Password, otp: z.string().min(1).max(64) }),
      output: Empty,
      errors: [...me, 'PERMISSION_DENIED', 'CONFLICT', 'RATE_LIMITED'],
      access: 'user',
      http: {
        method: 'DELETE',
        path: '/me/mfa/totp',
        status: 204,
        body: true,
        perMinute: 30,
        summary: 'Sign in without an authenticator app again',
      },
    }),
    renewRecoveryCodes: rpc({
      input: z.strictObject({ password: Password, otp: z.string().min(1).max(64) }),
      output: z.object({ recovery_codes: z.array(z.string()) }),
      errors: [...me, 'PERMISSION_DENIED', 'CONFLICT', 'RATE_LIMITED'],
      access: 'user',
      http: {
        method: 'POST',
        path: '/me/mfa/recovery-codes',
        perMinute: 30,
        summary: 'New recovery codes, shown once; the old ones end',
      },
    }),
    getNotifications: rpc({
      input: Empty,
      output: Notifications,
      errors: me,
      access: 'user',
      http: { method: 'GET', path: '/me/notifications', summary: 'Which mails the person wants' },
    }),
    setNotifications: rpc({
      input: Notifications.partial().strict(),
      output: Notifications,
      errors: me,
      access: 'user',
      http: {
        method: 'PUT',
        path: '/me/notifications',
        summary: 'Choose mails; what is not given stays. Security mails are always sent',
      },
    }),
    /** Public keys that verify access tokens, as a JWK set (RFC 7517). */
    getSigningKeys: rpc({
      input: Empty,
      output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
      errors: [],
      access: 'public',
      http: { method: 'GET', path: '/.well-known/jwks.json', summary: 'Keys that verify access tokens' },
    }),
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
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
        password: NewPassword,
        first_name: PersonName,
        last_name: PersonName,
      }),
      output: User,
      errors: ['CONFLICT'],
      access: 'internal',
    }),
    /** Where a person's mail goes now, and which mails they want. */
    getRecipient: rpc({
      input: z.strictObject({ user_id: Id }),
      output: z.object({ email: z.email(), first_name: z.string(), notifications: Notifications }),
      errors: ['NOT_FOUND'],
      access: 'internal',
    }),
  },
  evt: {
    /** A person has confirmed the address they registered with. */
    userRegistered: z.object({
      user_id: Id,
      email: z.email(),
      first_name: z.string(),
      last_name: z.string(),
    }),
    /** Address or names have changed. */
    userChanged: z.object({ user_id: Id, email: z.email(), first_name: z.string(), last_name: z.string() }),
    /** Everything that is only theirs is to go, everywhere. */
    userDeleted: z.object({ user_id: Id, email: z.email() }),
  },
})

// The tables of the auth schema.
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { Notifications } from '@mcpshield/contracts/auth'
import type { DbOptions } from '@mcpshield/db/connect'
import { OutboxRow } from '@mcpshield/db/outbox'
import { migrations } from './migrations/index.ts'

export const UserRow = defineEntity({
  name: 'UserRow',
  tableName: 'users',
  properties: {
    id: p.uuid().primary(),
    /** Lower-case. */
    email: p.string().length(254).unique(),
    password_hash: p.string().length(255),
    first_name: p.string().length(100),
    last_name: p.string().length(100),
    is_email_verified: p.boolean(),
    company: p.string().length(200).nullable(),
    job_title: p.string().length(200).nullable(),
    bio: p.string().length(2000).nullable(),
    location: p.string().length(200).nullable(),
    website_url: p.string().length(500).nullable(),
    /** What was chosen; what is not in it is wanted. */
    notifications: p.json<Partial<Notifications>>().defaultRaw(`'{}'`),
    /** The registration that the row is of: the newest while the address is not verified. */
    registration_id: p.uuid().nullable(),
    pending_email: p.string().length(254).nullable().index(),
    /** Which change of address a code has to be of. */
    email_change_id: p.uuid().nullable(),
    email_change_at: p.datetime().nullable(),
    /** Grows when all sessions end: none of an earlier generation is begun or renewed any more. */
    generation: p.integer().default(0),
    last_sign_in_at: p.datetime().nullable(),
    created_at: p.datetime(),
    updated_at: p.datetime(),
  },
})
export type UserRow = InferEntity<typeof UserRow>

/** Keys that sign access tokens: the newest whose time has come signs, all of them verify. */
export const SigningKeyRow = defineEntity({
  name: 'SigningKeyRow',
  tableName: 'signing_keys',
  properties: {
    kid: p.string().length(64).primary(),
    public_jwk: p.json<Record<string, unknown>>(),
    /** PKCS #8, sealed under the master key. */
    sealed_private: p.text(),
    created_at: p.datetime(),
    signs_from: p.datetime().defaultRaw('now()'),
  },
})
export type SigningKeyRow = InferEntity<typeof SigningKeyRow>

/** Refresh tokens by their SHA-256. Those of one session are one family: one used twice ends them all. */
export const RefreshTokenRow = defineEntity({
  name: 'RefreshTokenRow',
  tableName: 'refresh_tokens',
  properties: {
    digest: p.string().length(64).primary(),
    session_id: p.uuid().index(),
    user_id: p.uuid().index(),
    /** When the session ends: the same for the whole family, however often it is rotated. */
    expires_at: p.datetime(),
    used_at: p.datetime().nullable(),
  },
})
export type RefreshTokenRow = InferEntity<typeof RefreshTokenRow>

/** Authenticator apps; in force once confirmed. */
export const TotpRow = defineEntity({
  name: 'TotpRow',
  tableName: 'totps',
  properties: {
    user_id: p.uuid().primary(),
    sealed_secret: p.text(),
    created_at: p.datetime(),
    confirmed_at: p.datetime().nullable(),
    /** The time step of the last code taken: it and earlier ones are not taken again. */
    last_step: p.integer().nullable(),
  },
})
export type TotpRow = InferEntity<typeof TotpRow>

/** Recovery codes by their SHA-256. */
export const RecoveryCodeRow = defineEntity({
  name: 'RecoveryCodeRow',
  tableName: 'recovery_codes',
  properties: { digest: p.string().length(64).primary(), user_id: p.uuid().index() },
})

/** From where, and with what, a person has signed in: SHA-256 of network and program. */
export const SignInClientRow = defineEntity({
  name: 'SignInClientRow',
  tableName: 'sign_in_clients',
  properties: {
    user_id: p.uuid().primary(),
    client: p.string().length(64).primary(),
    last_at: p.datetime(),
  },
})

/** How the service's schema is reached and what is in it. */
export function database(url: string): DbOptions {
  const entities = [
    UserRow,
    SigningKeyRow,
    RefreshTokenRow,
    TotpRow,
    RecoveryCodeRow,
    SignInClientRow,
    OutboxRow,
  ]
  return { url, schema: 'auth', entities, migrations }
}

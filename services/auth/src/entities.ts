// The tables of the auth schema.
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
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
    created_at: p.datetime(),
    updated_at: p.datetime(),
  },
})
export type UserRow = InferEntity<typeof UserRow>

/** Keys that sign access tokens; the newest signs, all of them verify. */
export const SigningKeyRow = defineEntity({
  name: 'SigningKeyRow',
  tableName: 'signing_keys',
  properties: {
    kid: p.string().length(64).primary(),
    public_jwk: p.json<Record<string, unknown>>(),
    /** PKCS #8, sealed under the master key. */
    sealed_private: p.text(),
    created_at: p.datetime(),
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

/** How the service's schema is reached and what is in it. */
export function database(url: string): DbOptions {
  return { url, schema: 'auth', entities: [UserRow, SigningKeyRow, RefreshTokenRow, OutboxRow], migrations }
}

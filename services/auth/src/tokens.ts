// Access tokens: short-lived, signed with keys of our own that lie sealed in the database and follow one another.
import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair, importPKCS8, SignJWT } from 'jose'
import { ACCESS_TOKEN } from '@mcpshield/contracts/access-token'
import type { Sealer } from '@mcpshield/db/seal'
import { planKeys, signingKeyOf, type KeyTimes } from './key-plan.ts'

export type StoredKey = KeyTimes & {
  public_jwk: Record<string, unknown>
  sealed_private: string
  created_at: Date
}

/** What to add to the keys and to remove from them. */
export type KeyChanges = { add?: StoredKey; remove: string[] }

/** The signing keys' place. */
export type KeyStore = {
  /** Gives the keys, newest first, to `plan`, does what it says, and returns what is there then; one process at a time. */
  update(plan: (keys: StoredKey[]) => Promise<KeyChanges>): Promise<StoredKey[]>
  reseal(kid: string, sealed: string): Promise<void>
}

export type Tokens = {
  /** A signed token of the session, and the seconds it lives. */
  sign(claims: { sub: string; sid: string }, now: Date): Promise<{ token: string; expiresInSeconds: number }>
  /** Public keys that verify tokens, as JWKs. */
  publicKeys(): Record<string, unknown>[]
  /** Makes, takes over and forgets keys as their time comes; to be called every few minutes. */
  refreshKeys(now: Date): Promise<void>
}

export type TokenOptions = { lifeMinutes: number; keyDays: number }

type SigningKey = Awaited<ReturnType<typeof importPKCS8>>

const context = (kid: string) => `signing_keys/${kid}`

/** Opens the signing keys; makes one on the first start. */
export async function accessTokens(
  store: KeyStore,
  sealer: Sealer,
  options: TokenOptions,
  now: Date,
): Promise<Tokens> {
  const opened = new Map<string, SigningKey>()
  let keys: StoredKey[] = []
  const refreshKeys = async (at: Date) => {
    const found = await store.update(async (present) => {
      const { makeFrom, remove } = planKeys(present, at, options.keyDays)
      return makeFrom === undefined ? { remove } : { add: await newKey(sealer, at, makeFrom), remove }
    })
    for (const { kid, sealed_private } of found) {
      if (opened.has(kid)) continue
      const pkcs8 = sealer.open(sealed_private, context(kid)).toString()
      opened.set(kid, await importPKCS8(pkcs8, ACCESS_TOKEN.algorithm))
    }
    const present = new Set(found.map(({ kid }) => kid))
    for (const kid of opened.keys()) if (!present.has(kid)) opened.delete(kid)
    keys = found
  }
  await refreshKeys(now)
  await resealKeys(store, sealer, keys)
  const expiresInSeconds = options.lifeMinutes * 60
  return {
    publicKeys: () => keys.map((each) => each.public_jwk),
    refreshKeys,
    async sign(claims, at) {
      const kid = signingKeyOf(keys, at)?.kid ?? ''
      const key = opened.get(kid)
      if (key === undefined) throw new Error('there is no signing key')
      return { token: await signed(key, kid, claims, at, expiresInSeconds), expiresInSeconds }
    },
  }
}

function signed(
  key: SigningKey,
  kid: string,
  claims: { sub: string; sid: string },
  at: Date,
  lifeSeconds: number,
): Promise<string> {
  const issuedAt = Math.floor(at.getTime() / 1000)
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ACCESS_TOKEN.algorithm, typ: ACCESS_TOKEN.type, kid })
    .setIssuer(ACCESS_TOKEN.issuer)
    .setAudience(ACCESS_TOKEN.audience)
    .setJti(crypto.randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifeSeconds)
    .sign(key)
}

async function resealKeys(store: KeyStore, sealer: Sealer, keys: StoredKey[]): Promise<void> {
  for (const { kid, sealed_private } of keys) {
    if (sealer.isCurrent(sealed_private)) continue
    await store.reseal(kid, sealer.seal(sealer.open(sealed_private, context(kid)), context(kid)))
  }
}

async function newKey(sealer: Sealer, created_at: Date, signs_from: Date): Promise<StoredKey> {
  const pair = await generateKeyPair(ACCESS_TOKEN.algorithm, { crv: 'Ed25519', extractable: true })
  const jwk = await exportJWK(pair.publicKey)
  const kid = await calculateJwkThumbprint(jwk)
  return {
    kid,
    public_jwk: { ...jwk, kid, alg: ACCESS_TOKEN.algorithm, use: 'sig' },
    sealed_private: sealer.seal(await exportPKCS8(pair.privateKey), context(kid)),
    created_at,
    signs_from,
  }
}

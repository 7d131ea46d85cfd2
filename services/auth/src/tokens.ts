// Access tokens: short-lived, signed with a key of our own that lies sealed in the database.
import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair, importPKCS8, SignJWT } from 'jose'
import { ACCESS_TOKEN } from '@mcpshield/contracts/access-token'
import type { Sealer } from '@mcpshield/db/seal'

export type StoredKey = { kid: string; public_jwk: Record<string, unknown>; sealed_private: string }

/** The signing keys' place, newest first. */
export type KeyStore = {
  /** Stores what `make` returns if there is no key yet; one process at a time. */
  ensure(make: () => Promise<StoredKey>): Promise<StoredKey[]>
  reseal(kid: string, sealed: string): Promise<void>
}

export type Tokens = {
  /** A signed token of the session, and the seconds it lives. */
  sign(claims: { sub: string; sid: string }, now: Date): Promise<{ token: string; expiresInSeconds: number }>
  /** Public keys that verify tokens, as JWKs. */
  publicKeys: Record<string, unknown>[]
}

const context = (kid: string) => `signing_keys/${kid}`

/** Opens the newest signing key; makes one on the first start. */
export async function accessTokens(store: KeyStore, sealer: Sealer, lifeMinutes: number): Promise<Tokens> {
  const keys = await store.ensure(() => newKey(sealer))
  const [newest] = keys
  if (newest === undefined) throw new Error('there is no signing key')
  for (const each of keys.filter(({ sealed_private }) => !sealer.isCurrent(sealed_private))) {
    const opened = sealer.open(each.sealed_private, context(each.kid))
    await store.reseal(each.kid, sealer.seal(opened, context(each.kid)))
  }
  const pkcs8 = sealer.open(newest.sealed_private, context(newest.kid)).toString()
  const privateKey = await importPKCS8(pkcs8, ACCESS_TOKEN.algorithm)
  const expiresInSeconds = lifeMinutes * 60
  return {
    publicKeys: keys.map((each) => each.public_jwk),
    async sign(claims, now) {
      const issuedAt = Math.floor(now.getTime() / 1000)
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: ACCESS_TOKEN.algorithm, typ: ACCESS_TOKEN.type, kid: newest.kid })
        .setIssuer(ACCESS_TOKEN.issuer)
        .setAudience(ACCESS_TOKEN.audience)
        .setJti(crypto.randomUUID())
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + expiresInSeconds)
        .sign(privateKey)
      return { token, expiresInSeconds }
    },
  }
}

async function newKey(sealer: Sealer): Promise<StoredKey> {
  const pair = await generateKeyPair(ACCESS_TOKEN.algorithm, { crv: 'Ed25519', extractable: true })
  const jwk = await exportJWK(pair.publicKey)
  const kid = await calculateJwkThumbprint(jwk)
  return {
    kid,
    public_jwk: { ...jwk, kid, alg: ACCESS_TOKEN.algorithm, use: 'sig' },
    sealed_private: sealer.seal(await exportPKCS8(pair.privateKey), context(kid)),
  }
}

// An issuer of access tokens: its metadata and keys over HTTP, and a signer for tokens as they should and should not be.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose'

export type TokenIssuer = AsyncDisposable & {
  url: string
  /** Paths that were asked for, in order. */
  asked: string[]
  /** Served at /keys; changed in place. */
  keys: JWK[]
  /** Changed in place: the status of every answer while it is not 200, and who the metadata says it is of. */
  says: { status: number; issuer: string }
  privateKey: CryptoKey
  publicJwk: JWK
  /** A new key, published under this id. */
  addKey(kid: string): Promise<CryptoKey>
}

export async function startTokenIssuer(): Promise<TokenIssuer> {
  const asked: string[] = []
  const keys: JWK[] = []
  const says = { status: 200, issuer: '' }
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const found: Record<string, unknown> = {
      '/.well-known/openid-configuration': { issuer: says.issuer, jwks_uri: `${url}/keys` },
      '/keys': { keys },
    }
    response.statusCode = says.status === 200 && found[path] === undefined ? 404 : says.status
    response.end(JSON.stringify(found[path] ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  says.issuer = url
  const addKey = async (kid: string) => {
    const pair = await generateKeyPair('ES256', { extractable: true })
    keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' })
    return pair.privateKey
  }
  const privateKey = await addKey('first')
  return {
    url,
    asked,
    keys,
    says,
    privateKey,
    publicJwk: keys[0]!,
    addKey,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function sign(
  key: CryptoKey | Uint8Array,
  claims: JWTPayload,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'first', ...header })
    .sign(key)
}

// Who asks: a signed-in person by an access token, a program by an API key, or anyone by an address.
import { createHash } from 'node:crypto'
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet } from 'jose'
import { ACCESS_TOKEN, AccessClaims } from '@mcpshield/contracts/access-token'
import type { Caller, Role } from '@mcpshield/contracts/caller'
import type { Access } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { KeySnapshot } from '@mcpshield/contracts/projects'

export type Credentials = { authorization: string | undefined; apiKey: string | undefined; address: string }

export type SessionDeps = {
  signingKeys(): Promise<JSONWebKeySet>
  /** Whether the session is still open. Asked for every request: signing out holds at once. */
  isOpen(sessionId: string): Promise<boolean>
  membership(userId: string): Promise<{ org_id: string; role: Role } | undefined>
  keys: Keys
  now(): Date
}

/** API keys by their digest, as watched. */
export type Keys = { current(): boolean; get(digest: string): KeySnapshot | undefined }

export type Callers = { callerFor(access: Access, given: Credentials): Promise<Caller> }

/** Keys are asked for again when a token names one that is not known, but not more often than this. */
const KEYS_EVERY_MS = 2_000
const CLOCK_TOLERANCE_SECONDS = 5

export function callers(deps: SessionDeps): Callers {
  const verify = tokenVerifier(deps)

  const person = async (authorization: string | undefined): Promise<Caller> => {
    const token = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) throw unauthenticated('Send an access token: Authorization: Bearer …')
    const { sub, sid } = await verify(token)
    const [open, member] = await Promise.all([deps.isOpen(sid), deps.membership(sub)])
    if (!open) throw unauthenticated('This session has ended; sign in again.')
    if (member === undefined) {
      throw new AppError('UNAVAILABLE', 'Your organisation is still being set up; try again in a moment.', {
        retry_after_ms: 1_000,
      })
    }
    return { kind: 'user', user_id: sub, session_id: sid, ...member }
  }

  const program = (apiKey: string): Caller => {
    if (!deps.keys.current()) {
      throw new AppError('UNAVAILABLE', 'API keys cannot be checked right now; try again in a moment.', {
        retry_after_ms: 1_000,
      })
    }
    const digest = createHash('sha256').update(apiKey).digest('hex')
    const key = deps.keys.get(digest)
    const expired =
      key !== undefined && key.expires_at !== null && Date.parse(key.expires_at) <= deps.now().getTime()
    if (key === undefined || expired)
      throw unauthenticated('This API key is not known, was revoked or has expired.')
    const { key_id, project_id, org_id } = key
    return { kind: 'key', key_id, project_id, org_id, digest }
  }

  return {
    async callerFor(access, { authorization, apiKey, address }) {
      switch (access) {
        case 'public':
          return { kind: 'anonymous', address }
        case 'user':
          return person(authorization)
        case 'api_key':
          if (apiKey === undefined) throw unauthenticated('Send an API key: X-API-Key: mcps_…')
          return program(apiKey)
        case 'user_or_key':
          if (apiKey !== undefined && authorization !== undefined)
            throw new AppError('INVALID_ARGUMENT', 'Send an access token or an API key, not both.')
          return apiKey === undefined ? person(authorization) : program(apiKey)
        case 'internal':
          throw new AppError('NOT_FOUND', 'There is no such endpoint.')
        default:
          return access satisfies never
      }
    },
  }
}

function tokenVerifier({ signingKeys, now }: SessionDeps): (token: string) => Promise<AccessClaims> {
  let keySet: ReturnType<typeof createLocalJWKSet> | undefined
  let askedAtMs = -Infinity
  const refresh = async () => {
    askedAtMs = performance.now()
    keySet = createLocalJWKSet(await signingKeys())
    return keySet
  }
  const once = async (token: string, keys: ReturnType<typeof createLocalJWKSet>) => {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: [ACCESS_TOKEN.algorithm],
      typ: ACCESS_TOKEN.type,
      issuer: ACCESS_TOKEN.issuer,
      audience: ACCESS_TOKEN.audience,
      requiredClaims: ['exp', 'iat', 'sub', 'sid'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now(),
    })
    return AccessClaims.parse(payload)
  }
  return async (token) => {
    const keys = keySet ?? (await refresh())
    try {
      try {
        return await once(token, keys)
      } catch (error) {
        const unknown = error instanceof errors.JWKSNoMatchingKey
        if (!unknown || performance.now() - askedAtMs < KEYS_EVERY_MS) throw error
        return await once(token, await refresh())
      }
    } catch (error) {
      if (error instanceof AppError) throw error
      throw unauthenticated('This access token is not valid or has expired.')
    }
  }
}

type AccessClaims = ReturnType<typeof AccessClaims.parse>

function unauthenticated(message: string): AppError {
  return new AppError('UNAUTHENTICATED', message)
}

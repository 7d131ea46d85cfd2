// Who asks: a signed-in person by an access token, a program by an API key, the operator by a token, or anyone by an
// address.
import { createHash, timingSafeEqual } from 'node:crypto'
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet } from 'jose'
import { ACCESS_TOKEN, AccessClaims } from '@mcpshield/contracts/access-token'
import type { Caller, Role } from '@mcpshield/contracts/caller'
import type { Access } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { KeySnapshot } from '@mcpshield/contracts/projects'

export type Credentials = {
  authorization: string | undefined
  apiKey: string | undefined
  address: string
  userAgent: string | undefined
}

export type SessionDeps = {
  signingKeys(): Promise<JSONWebKeySet>
  /** Whether the session is still open. Asked for every request: signing out holds at once. */
  isOpen(sessionId: string): Promise<boolean>
  membership(userId: string): Promise<{ org_id: string; role: Role } | undefined>
  keys: Keys
  /** Of who runs the installation; nobody is the operator without one. */
  operatorToken: string | undefined
  /** Told of each use of an API key. */
  keyUsed(keyId: string, time: Date): void
  now(): Date
}

/** API keys by their digest, as watched. */
export type Keys = { current(): boolean; get(digest: string): KeySnapshot | undefined }

export type Callers = {
  callerFor(access: Access, given: Credentials): Promise<Caller>
  /** Whether a caller of a while ago would be the same one now: session open, same organisation, same role. */
  still(caller: Caller): Promise<boolean>
}

/** Keys are asked for again when a token names one that is not known, but not more often than this. */
const KEYS_EVERY_MS = 2_000
const CLOCK_TOLERANCE_SECONDS = 5
const MAX_USER_AGENT_CHARACTERS = 500

export function callers(deps: SessionDeps): Callers {
  const verify = tokenVerifier(deps)

  const person = async (authorization: string | undefined): Promise<Caller> => {
    const token = bearerToken(authorization)
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
    deps.keyUsed(key_id, deps.now())
    return { kind: 'key', key_id, project_id, org_id, digest }
  }

  const operator = (authorization: string | undefined): Caller => {
    const token = bearerToken(authorization)
    const { operatorToken } = deps
    if (token === undefined || operatorToken === undefined || !equal(token, operatorToken))
      throw unauthenticated('This is for who runs the installation: send the operator’s token.')
    return { kind: 'operator' }
  }

  return {
    async still(caller) {
      if (caller.kind !== 'user') return true
      const { session_id, user_id, org_id, role } = caller
      const [open, member] = await Promise.all([deps.isOpen(session_id), deps.membership(user_id)])
      return open && member?.org_id === org_id && member.role === role
    },
    async callerFor(access, { authorization, apiKey, address, userAgent }) {
      switch (access) {
        case 'public':
          return {
            kind: 'anonymous',
            address,
            ...(userAgent === undefined ? {} : { user_agent: userAgent.slice(0, MAX_USER_AGENT_CHARACTERS) }),
          }
        case 'user':
          return person(authorization)
        case 'api_key':
          if (apiKey === undefined) throw unauthenticated('Send an API key: X-API-Key: mcps_…')
          return program(apiKey)
        case 'user_or_key':
          if (apiKey !== undefined && authorization !== undefined)
            throw new AppError('INVALID_ARGUMENT', 'Send an access token or an API key, not both.')
          return apiKey === undefined ? person(authorization) : program(apiKey)
        case 'operator':
          return operator(authorization)
        case 'internal':
          throw new AppError('NOT_FOUND', 'There is no such endpoint.')
        default:
          return access satisfies never
      }
    },
  }
}

function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? '')?.[1]
}

/** In the same time wherever they differ, and whatever their lengths. */
function equal(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
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

// Sessions: an access token for minutes, a refresh token that is exchanged once, and an end that holds at once.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { AppError } from '@mcpshield/contracts/errors'
import type { Tokens } from './tokens.ts'

export type OpenSessions = {
  open(id: string, userId: string, lifeMs: number): Promise<unknown>
  isOpen(id: string): Promise<boolean>
  close(id: string): Promise<unknown>
}

export type RefreshToken = {
  digest: string
  session_id: string
  user_id: string
  expires_at: Date
  used_at: Date | null
}

export type RefreshTokens = {
  /** Stores the first token of a session, and forgets the person's expired ones. */
  add(token: RefreshToken, now: Date): Promise<void>
  find(digest: string): Promise<RefreshToken | undefined>
  /** Marks the token as used and stores its successor: true for one caller only, however many try. */
  rotate(token: RefreshToken, successorDigest: string, now: Date): Promise<boolean>
  endFamily(sessionId: string): Promise<void>
}

export type SessionDeps = {
  sessions: OpenSessions
  refreshTokens: RefreshTokens
  tokens: Tokens
  now(): Date
  rememberedDays: number
}

/** What a client gets: two tokens, of which the service keeps only a digest. */
export type IssuedTokens = { access_token: string; refresh_token: string; expires_in: number }

const DAY_MS = 86_400_000
const PREFIX = 'mcpr_'

export async function openSession(
  deps: SessionDeps,
  userId: string,
  remember: boolean,
): Promise<IssuedTokens> {
  const now = deps.now()
  const sessionId = randomUUID()
  const lifeMs = (remember ? deps.rememberedDays : 1) * DAY_MS
  const refresh = newRefreshToken()
  const expires_at = new Date(now.getTime() + lifeMs)
  await deps.refreshTokens.add(
    { digest: digestOf(refresh), session_id: sessionId, user_id: userId, expires_at, used_at: null },
    now,
  )
  await deps.sessions.open(sessionId, userId, lifeMs)
  return issue(deps, userId, sessionId, refresh)
}

/**
 * Exchanges a refresh token. One that was used before ends its whole family: either the client or a thief
 * holds an old copy, and nobody can tell which.
 */
export async function renewSession(
  deps: SessionDeps,
  refreshToken: string,
): Promise<IssuedTokens & { userId: string }> {
  const token = await deps.refreshTokens.find(digestOf(refreshToken))
  if (token === undefined || token.expires_at <= deps.now()) throw notSignedIn()
  // Asked first: when Redis does not answer, the token is not spent.
  const open = await deps.sessions.isOpen(token.session_id)
  const successor = newRefreshToken()
  const rotated = open && (await deps.refreshTokens.rotate(token, digestOf(successor), deps.now()))
  if (!rotated) {
    await closeSession(deps, token.session_id)
    throw notSignedIn()
  }
  return { ...(await issue(deps, token.user_id, token.session_id, successor)), userId: token.user_id }
}

/** Ends a session: its access tokens are refused from now on, its refresh tokens are gone. */
export async function closeSession(
  deps: Pick<SessionDeps, 'sessions' | 'refreshTokens'>,
  sessionId: string,
): Promise<void> {
  await deps.sessions.close(sessionId)
  await deps.refreshTokens.endFamily(sessionId)
}

async function issue(
  deps: SessionDeps,
  userId: string,
  sessionId: string,
  refreshToken: string,
): Promise<IssuedTokens> {
  const { token, expiresInSeconds } = await deps.tokens.sign({ sub: userId, sid: sessionId }, deps.now())
  return { access_token: token, refresh_token: refreshToken, expires_in: expiresInSeconds }
}

function newRefreshToken(): string {
  return `${PREFIX}${randomBytes(32).toString('base64url')}`
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function notSignedIn(): AppError {
  return new AppError('UNAUTHENTICATED', 'This session has ended; sign in again.')
}

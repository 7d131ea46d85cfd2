// Sessions: an access token for minutes, a refresh token that is exchanged once, and an end that holds at once.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { AppError } from '@mcpshield/contracts/errors'
import { networkOf } from '@mcpshield/contracts/networks'
import type { Person } from './people.ts'
import type { Tokens } from './tokens.ts'

export type SessionFacts = {
  id: string
  user_id: string
  /** The person's generation when it was begun. */
  generation: number
  created_at: Date
  expires_at: Date
  /** Not asked for during this time, it ends. */
  idleMs: number
  address: string
  user_agent: string | null
}

/** A person's sessions of generations before `before` have ended, but for one that may stay. */
export type Ended = { user_id: string; before: number; except?: string }

export type OpenSessions = {
  open(session: SessionFacts): Promise<void>
  /** Whether a session is open; it counts as seen now. */
  touch(id: string, now: Date): Promise<boolean>
  list(userId: string, now: Date): Promise<(SessionFacts & { last_seen_at: Date })[]>
  /** Whether the session was one of this person's. */
  close(userId: string, id: string): Promise<boolean>
  closeAll(ended: Ended): Promise<void>
}

export type RefreshToken = {
  digest: string
  session_id: string
  user_id: string
  expires_at: Date
  used_at: Date | null
}

/** A sign-in, with the first token of its session. */
export type SignIn = {
  token: RefreshToken
  generation: number
  /** Network and program it comes from, as a digest. */
  client: string
  address: string
  user_agent: string | null
  now: Date
}

export type RefreshTokens = {
  /** Notes a sign-in and stores its token: false when the person's sessions have been ended since they were looked up. */
  begin(signIn: SignIn): Promise<boolean>
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

/** Where a request comes from. */
export type Origin = { address: string; user_agent: string | null }

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** A remembered session is for weeks, the other for a working day. */
const IDLE_MS = { remembered: 14 * DAY_MS, other: 8 * HOUR_MS }
const PREFIX = 'mcpr_'

export async function openSession(
  deps: SessionDeps,
  person: Person,
  origin: Origin,
  remember: boolean,
): Promise<IssuedTokens> {
  const now = deps.now()
  const session: SessionFacts = {
    ...origin,
    id: randomUUID(),
    user_id: person.id,
    generation: person.generation,
    created_at: now,
    expires_at: new Date(now.getTime() + (remember ? deps.rememberedDays : 1) * DAY_MS),
    idleMs: remember ? IDLE_MS.remembered : IDLE_MS.other,
  }
  const refresh = newRefreshToken()
  // Open before it is noted: who ends all sessions meanwhile either finds it, or makes the note fail.
  await deps.sessions.open(session)
  const begun = await deps.refreshTokens.begin({
    token: {
      digest: digestOf(refresh),
      session_id: session.id,
      user_id: person.id,
      expires_at: session.expires_at,
      used_at: null,
    },
    generation: person.generation,
    client: clientOf(origin),
    ...origin,
    now,
  })
  if (!begun) {
    await deps.sessions.close(person.id, session.id)
    throw notSignedIn()
  }
  return issue(deps, person.id, session.id, refresh)
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
  const open = await deps.sessions.touch(token.session_id, deps.now())
  const successor = newRefreshToken()
  const rotated = open && (await deps.refreshTokens.rotate(token, digestOf(successor), deps.now()))
  if (!rotated) {
    await closeSession(deps, token.user_id, token.session_id)
    throw notSignedIn()
  }
  return { ...(await issue(deps, token.user_id, token.session_id, successor)), userId: token.user_id }
}

/** Ends a session of this person: its access tokens are refused from now on, its refresh tokens are gone. */
export async function closeSession(
  deps: Pick<SessionDeps, 'sessions' | 'refreshTokens'>,
  userId: string,
  sessionId: string,
): Promise<boolean> {
  const was = await deps.sessions.close(userId, sessionId)
  if (was) await deps.refreshTokens.endFamily(sessionId)
  return was
}

/**
 * Closes what a committed change has ended. The change has also put this into the outbox: it is done again until it
 * succeeds, so that a Redis that does not answer now (and lets nobody in meanwhile) does not undo the change's answer.
 */
export async function closeEnded(deps: Pick<SessionDeps, 'sessions'>, ended: Ended): Promise<void> {
  await deps.sessions.closeAll(ended).catch(() => undefined)
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

function clientOf({ address, user_agent }: Origin): string {
  return digestOf(`${networkOf(address)}\n${user_agent ?? ''}`)
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

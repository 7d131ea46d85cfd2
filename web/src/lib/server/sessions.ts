// Who is signed in at a browser. It has an opaque cookie; the API's tokens stay in Redis, sealed with what only the
// cookie says, and are refreshed once for many tabs.
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { compactDecrypt, CompactEncrypt } from 'jose'
import { z } from 'zod'
import { User, type Session as ApiSession } from '@mcpshield/contracts/auth'
import { redis } from './redis.ts'

const DAY_S = 86_400
const REMEMBERED_DAYS = 30
/** Tokens are renewed this long before they end, so that none ends on its way. */
const RENEW_BEFORE_MS = 60_000
const LOCK_MS = 10_000
const LOOK_AGAIN_MS = 40

const WebSession = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  expires_at_ms: z.number(),
  remembered: z.boolean(),
  user: User,
})
export type WebSession = z.infer<typeof WebSession>
type Tokens = z.infer<typeof ApiSession>

/** The API's refresh; `undefined` when the session is over. Throws when that cannot be told. */
export type Renew = (refreshToken: string) => Promise<Tokens | undefined>

const hash = (purpose: string, id: string) => createHash('sha256').update(`${purpose}:${id}`).digest()
const keyOf = (id: string) => `web:session:${hash('key', id).toString('base64url')}`
const lockOf = (id: string) => `web:session-lock:${hash('key', id).toString('base64url')}`

/** Returns the cookie's value. */
export async function openSession(tokens: Tokens, remembered: boolean): Promise<string> {
  const id = randomBytes(32).toString('base64url')
  await store(id, sessionOf(tokens, remembered), 'NX')
  return id
}

/** The session of a cookie with tokens that are good for a while, or `undefined` when there is none. */
export async function currentSession(id: string, renew: Renew): Promise<WebSession | undefined> {
  const session = await read(id)
  if (session === undefined || isFresh(session)) return session
  return renewed(id, session, renew)
}

/** What the person is called may have changed. */
export async function updateUser(id: string, user: User): Promise<void> {
  const session = await read(id)
  if (session !== undefined) await store(id, { ...session, user }, 'XX')
}

/** Ends what the browser's cookie opens. The API's session is ended by the API. */
export async function closeSession(id: string): Promise<void> {
  await redis().del(keyOf(id))
}

export function maxAgeSeconds(remembered: boolean): number {
  return remembered ? REMEMBERED_DAYS * DAY_S : DAY_S
}

const isFresh = ({ expires_at_ms: expiresAtMs }: WebSession) => expiresAtMs - Date.now() > RENEW_BEFORE_MS

const sessionOf = (tokens: Tokens, remembered: boolean): WebSession => ({
  access_token: tokens.access_token,
  refresh_token: tokens.refresh_token,
  expires_at_ms: Date.now() + tokens.expires_in * 1_000,
  remembered,
  user: tokens.user,
})

/** A refresh token used twice ends its whole family: one tab renews, the others wait for what it gets. */
async function renewed(id: string, seen: WebSession, renew: Renew): Promise<WebSession | undefined> {
  const word = randomBytes(16).toString('base64url')
  const deadlineMs = Date.now() + LOCK_MS
  while (Date.now() < deadlineMs) {
    if ((await redis().set(lockOf(id), word, 'PX', LOCK_MS, 'NX')) === 'OK') {
      try {
        return await renewHere(id, renew)
      } finally {
        await release(lockOf(id), word)
      }
    }
    await setTimeout(LOOK_AGAIN_MS)
    const now = await read(id)
    if (now === undefined || now.refresh_token !== seen.refresh_token) return now
  }
  throw new Error('The session could not be renewed in time.')
}

async function renewHere(id: string, renew: Renew): Promise<WebSession | undefined> {
  const session = await read(id)
  if (session === undefined || isFresh(session)) return session
  const tokens = await renew(session.refresh_token)
  if (tokens === undefined) {
    await closeSession(id)
    return undefined
  }
  const next = sessionOf(tokens, session.remembered)
  return (await store(id, next, 'XX')) ? next : undefined
}

/** Only the own lock: one that ran out may be somebody else's by now. */
async function release(lock: string, word: string): Promise<void> {
  const script =
    'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0'
  await redis().eval(script, 1, lock, word)
}

/** `XX` changes what is still there: who signed out meanwhile stays signed out. Returns whether it was written. */
async function store(id: string, session: WebSession, when: 'NX' | 'XX'): Promise<boolean> {
  const sealed = await new CompactEncrypt(Buffer.from(JSON.stringify(session)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(hash('seal', id))
  const expiry = ['EX', maxAgeSeconds(session.remembered)] as const
  const written =
    when === 'XX'
      ? await redis().set(keyOf(id), sealed, ...expiry, 'XX')
      : await redis().set(keyOf(id), sealed, ...expiry, 'NX')
  return written === 'OK'
}

async function read(id: string): Promise<WebSession | undefined> {
  const sealed = await redis().get(keyOf(id))
  if (sealed === null) return undefined
  try {
    const { plaintext } = await compactDecrypt(sealed, hash('seal', id))
    return WebSession.parse(JSON.parse(Buffer.from(plaintext).toString()))
  } catch {
    // Written by another version, or damaged: the person signs in again.
    return undefined
  }
}

// When signing keys are made and deleted, as a function of the keys and the time. A key is published a while before it
// signs, so that everybody who verifies has it by then, and is kept until no token that it signed can be alive.

/** How long a key is published before it signs. Every instance has looked at the keys in between. */
export const PUBLISHED_AHEAD_MS = 3_600_000
/** The longest life of an access token that the configuration allows. */
const LONGEST_TOKEN_MS = 3_600_000
const DAY_MS = 86_400_000

export type KeyTimes = { kid: string; signs_from: Date }

export type KeyPlan = {
  /** When a key has to be made: from when it signs. */
  makeFrom?: Date
  remove: string[]
}

/** `keys` newest first. */
export function planKeys(keys: readonly KeyTimes[], now: Date, keyDays: number): KeyPlan {
  const [newest] = keys
  if (newest === undefined) return { makeFrom: now, remove: [] }
  const dueMs = newest.signs_from.getTime() + keyDays * DAY_MS
  const remove = keys.filter((_key, index) => index > 0 && isOver(keys[index - 1], now)).map(({ kid }) => kid)
  if (now.getTime() < dueMs - PUBLISHED_AHEAD_MS) return { remove }
  return { makeFrom: new Date(Math.max(dueMs, now.getTime() + PUBLISHED_AHEAD_MS)), remove }
}

/** The key that signs: the newest whose time has come. */
export function signingKeyOf<K extends KeyTimes>(keys: readonly K[], now: Date): K | undefined {
  return keys.find(({ signs_from }) => signs_from <= now) ?? keys.at(-1)
}

/** Whether a key's successor has signed for so long that no token of the key is alive. */
function isOver(successor: KeyTimes | undefined, now: Date): boolean {
  const sinceMs = now.getTime() - (successor?.signs_from.getTime() ?? Infinity)
  // An instance that was cut off from the database may sign with the old key for a while.
  return sinceMs >= LONGEST_TOKEN_MS + PUBLISHED_AHEAD_MS
}

// Values that must not be seen, and the forms in which they could be smuggled out.

/** Nothing else in a test looks like it, not even in part. */
export const canary = (id: number) => `Zq7kVx${id}WpJ@hYb${id}fTn.Lm`

const SHORTEST = 6

/** The first piece of a canary that a text shows, in one of the forms a query can give it. */
export function seenIn(text: string, ids: number[]): string | undefined {
  const shown = text.toLowerCase()
  for (const id of ids) {
    const plain = canary(id).toLowerCase()
    const hex = Buffer.from(canary(id)).toString('hex')
    const base64 = Buffer.from(canary(id)).toString('base64').toLowerCase()
    for (const form of [plain, [...plain].toReversed().join(''), hex, base64]) {
      const length = form === hex ? SHORTEST * 2 : SHORTEST
      for (let at = 0; at + length <= form.length; at++) {
        const piece = form.slice(at, at + length)
        if (shown.includes(piece)) return piece
      }
    }
  }
  return undefined
}

/** Numbers that are the same in every run with the same seed. */
export function seeded(seed: number): { below(limit: number): number; pick<T>(list: readonly T[]): T } {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return { below, pick: (list) => list[below(list.length)] as (typeof list)[number] }
}

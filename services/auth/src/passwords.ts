// Passwords: argon2id over the bytes as typed (no truncation, no Unicode normalisation: "é" typed as one
// character and as two are different passwords).
import argon2 from 'argon2'

// OWASP's second choice of equal strength: 19 MiB, two passes; some 30 ms.
const COST = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

export type Passwords = {
  hash(password: string): Promise<string>
  /** Takes as long for `undefined` (nobody has this address) as for a wrong password. */
  verify(hash: string | undefined, password: string): Promise<boolean>
}

export async function passwords(): Promise<Passwords> {
  const nobody = await argon2.hash(crypto.randomUUID(), COST)
  return {
    hash: (password) => argon2.hash(password, COST),
    async verify(hash, password) {
      const right = await argon2.verify(hash ?? nobody, password)
      return hash !== undefined && right
    },
  }
}

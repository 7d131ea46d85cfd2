// Secrets of forwarders: sealed by the master key for their row, so that one moved to another row does not open.
import { randomBytes } from 'node:crypto'
import { masterSealer, type Sealer } from '@mcpshield/db/seal'
import { FeedRow } from './entities.ts'
import type { SealedSecrets } from './settings.ts'
import type { Rows } from './store.ts'

export type Secrets = {
  seal(feedId: string, secrets: SealedSecrets): string
  /** Throws when it was sealed for another row, or under a key that is not known. */
  open(feedId: string, sealed: string): SealedSecrets
}

export function secretsOf(sealer: Sealer): Secrets {
  return {
    seal: (feedId, secrets) => sealer.seal(JSON.stringify(secrets), placeOf(feedId)),
    open: (feedId, sealed) => JSON.parse(sealer.open(sealed, placeOf(feedId)).toString()) as SealedSecrets,
  }
}

const placeOf = (feedId: string) => `feeds/${feedId}`

/** As Standard Webhooks writes it. */
export function newSigningSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

/** Seals anew what the master key before the present one has sealed. Answers the rows that no key opens. */
export async function sealAnew(rows: Rows, current: string, previous: string | undefined): Promise<string[]> {
  const sealer = masterSealer(current, previous)
  const { seal, open } = secretsOf(sealer)
  const lost: string[] = []
  await rows.change(async (em) => {
    for (const row of await em.find(FeedRow, { sealed: { $ne: null } })) {
      if (!row.sealed || sealer.isCurrent(row.sealed)) continue
      try {
        row.sealed = seal(row.id, open(row.id, row.sealed))
      } catch {
        lost.push(row.id)
      }
    }
    await em.flush()
  })
  return lost
}

// Queries of the signing keys.
import type { Db } from '@mcpshield/db/connect'
import { SigningKeyRow } from './entities.ts'
import type { KeyStore } from './tokens.ts'

export function keyStore(db: Db): KeyStore {
  const newestFirst = { orderBy: { signs_from: 'desc' } } as const
  return {
    update: (plan) =>
      db.fork().transactional(async (em) => {
        // Two processes that look at the same time must not make two keys.
        await em.execute("select pg_advisory_xact_lock(hashtext('auth:signing_keys'))")
        const { add, remove } = await plan(await em.find(SigningKeyRow, {}, newestFirst))
        if (add !== undefined) await em.insert(SigningKeyRow, add)
        if (remove.length > 0) await em.nativeDelete(SigningKeyRow, { kid: { $in: remove } })
        return em.fork({ keepTransactionContext: true }).find(SigningKeyRow, {}, newestFirst)
      }),
    async reseal(kid, sealed) {
      await db.fork().nativeUpdate(SigningKeyRow, { kid }, { sealed_private: sealed })
    },
  }
}

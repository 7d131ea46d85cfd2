// Queries of authenticator apps and recovery codes.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Db } from '@mcpshield/db/connect'
import { endSessions, lockPerson, sendMail } from './consequences.ts'
import { RecoveryCodeRow, TotpRow, type UserRow } from './entities.ts'
import type { SecondFactors } from './second-factor.ts'

const RESEAL_BATCH = 500

/** `wake` is called when a transaction with outbox rows has committed. */
export function secondFactorStore(db: Db, wake: () => void): SecondFactors {
  const changing = async <T>(
    userId: string,
    work: (em: EntityManager, person: UserRow, totp: TotpRow | null) => Promise<T>,
  ): Promise<T | undefined> => {
    const done = await db.fork().transactional(async (em) => {
      const person = await lockPerson(em, userId)
      return person && work(em, person, await em.findOne(TotpRow, { user_id: userId }))
    })
    wake()
    return done
  }
  return {
    async find(userId) {
      const row = await db.fork().findOne(TotpRow, { user_id: userId })
      return row === null
        ? undefined
        : { sealed_secret: row.sealed_secret, confirmed: isConfirmed(row), last_step: row.last_step ?? null }
    },
    begin: async (userId, sealed_secret, now) =>
      (await changing(userId, async (em, _person, totp) => {
        if (isConfirmed(totp)) return false
        await em.nativeDelete(TotpRow, { user_id: userId })
        await em.insert(TotpRow, { user_id: userId, sealed_secret, created_at: now })
        return true
      })) ?? false,
    confirm: (userId, { step, digests, sealed_secret, except }, now) =>
      changing(userId, async (em, person, totp) => {
        if (totp === null || isConfirmed(totp) || totp.sealed_secret !== sealed_secret) return undefined
        em.assign(totp, { confirmed_at: now, last_step: step })
        await replaceRecoveryCodes(em, userId, digests)
        sendMail(em, person, { template: 'mfa_changed', time: now.toISOString(), enabled: true })
        return endSessions(em, person, except)
      }),
    async useStep(userId, step) {
      const unused = { $or: [{ last_step: null }, { last_step: { $lt: step } }] }
      const where = { user_id: userId, confirmed_at: { $ne: null }, ...unused }
      return (await db.fork().nativeUpdate(TotpRow, where, { last_step: step })) === 1
    },
    useRecoveryCode: async (userId, digest) =>
      (await db.fork().nativeDelete(RecoveryCodeRow, { user_id: userId, digest })) === 1,
    renewRecoveryCodes: async (userId, digests, now) =>
      (await changing(userId, async (em, person, totp) => {
        if (!isConfirmed(totp)) return false
        await replaceRecoveryCodes(em, userId, digests)
        sendMail(em, person, { template: 'mfa_changed', time: now.toISOString(), enabled: true })
        return true
      })) ?? false,
    remove: (userId, except, now) =>
      changing(userId, async (em, person, totp) => {
        if (totp === null) return undefined
        em.remove(totp)
        await replaceRecoveryCodes(em, userId, [])
        sendMail(em, person, { template: 'mfa_changed', time: now.toISOString(), enabled: false })
        return endSessions(em, person, except)
      }),
    reseal: (sealedAnew) => resealAll(db, sealedAnew),
  }
}

function isConfirmed(totp: TotpRow | null): boolean {
  return totp !== null && (totp.confirmed_at ?? null) !== null
}

async function replaceRecoveryCodes(em: EntityManager, userId: string, digests: string[]): Promise<void> {
  await em.nativeDelete(RecoveryCodeRow, { user_id: userId })
  await em.insertMany(
    RecoveryCodeRow,
    digests.map((digest) => ({ digest, user_id: userId })),
  )
}

async function resealAll(
  db: Db,
  sealedAnew: (userId: string, sealed: string) => string | undefined,
): Promise<void> {
  const after = (userId: string) =>
    db
      .fork()
      .find(TotpRow, { user_id: { $gt: userId } }, { orderBy: { user_id: 'asc' }, limit: RESEAL_BATCH })
  let last = '00000000-0000-0000-0000-000000000000'
  for (let rows = await after(last); rows.length > 0; rows = await after(last)) {
    for (const { user_id, sealed_secret } of rows) {
      const anew = sealedAnew(user_id, sealed_secret)
      // Not over a secret that was replaced meanwhile.
      if (anew !== undefined)
        await db.fork().nativeUpdate(TotpRow, { user_id, sealed_secret }, { sealed_secret: anew })
      last = user_id
    }
  }
}

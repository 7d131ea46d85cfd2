// Secrets of customers' systems: sealed under a key of the organisation's own, which the master key wraps.
// Associated data binds each to its row, so that one moved to another row does not open.
import type { EntityManager } from '@mikro-orm/postgresql'
import { newDataKey, sealer, type Sealer } from '@mcpshield/db/seal'
import { DataKeyRow } from './entities.ts'
import type { Rows } from './store.ts'

export type Secrets = {
  /** Seals for one row: `place` is `<table>/<row id>`. */
  seal(em: EntityManager, orgId: string, place: string, value: unknown): Promise<string>
  /** The value that was sealed for this row. */
  open(em: EntityManager, orgId: string, place: string, sealed: string): Promise<unknown>
}

export function secretStore(master: Sealer): Secrets {
  return {
    async seal(em, orgId, place, value) {
      return (await dataKey(em, master, orgId)).seal(JSON.stringify(value), place)
    },
    async open(em, orgId, place, sealed) {
      return JSON.parse((await dataKey(em, master, orgId)).open(sealed, place).toString()) as unknown
    },
  }
}

async function dataKey(em: EntityManager, master: Sealer, orgId: string): Promise<Sealer> {
  let row = await em.findOne(DataKeyRow, { org_id: orgId })
  if (row === null) {
    await em.execute('insert into data_keys (org_id, wrapped) values (?, ?) on conflict do nothing', [
      orgId,
      master.seal(newDataKey(), placeOf(orgId)),
    ])
    // Two at once: both use the one that is there now.
    row = await em.findOneOrFail(DataKeyRow, { org_id: orgId })
  }
  return sealer([await unwrap(em, master, row)])
}

const placeOf = (orgId: string) => `data_keys/${orgId}`

/** The data key of a row. Was the master key changed, it is wrapped anew: the one before is not needed any more. */
async function unwrap(
  em: EntityManager,
  master: Sealer,
  { org_id, wrapped }: { org_id: string; wrapped: string },
): Promise<Buffer> {
  const key = master.open(wrapped, placeOf(org_id))
  if (!master.isCurrent(wrapped))
    await em.nativeUpdate(DataKeyRow, { org_id, wrapped }, { wrapped: master.seal(key, placeOf(org_id)) })
  return key
}

/**
 * Wraps every data key by the present master key, so that the one before can be retired. Answers how many it
 * wrapped, and the organisations whose key none of the master keys opens.
 */
export async function wrapAnew(
  rows: Rows,
  master: Sealer,
  batchSize = 500,
): Promise<{ wrapped: number; lost: string[] }> {
  const done = { wrapped: 0, lost: [] as string[] }
  let after: string | undefined
  do {
    after = await rows.change(async (em) => {
      const where = after === undefined ? {} : { org_id: { $gt: after } }
      const batch = await em.find(DataKeyRow, where, { orderBy: { org_id: 'asc' }, limit: batchSize })
      for (const row of batch.filter(({ wrapped }) => !master.isCurrent(wrapped))) {
        try {
          await unwrap(em, master, row)
          done.wrapped += 1
        } catch {
          done.lost.push(row.org_id)
        }
      }
      return batch.length === batchSize ? batch.at(-1)?.org_id : undefined
    })
  } while (after !== undefined)
  return done
}

// Secrets of customers' systems: sealed under a key of the organisation's own, which the master key wraps.
// Associated data binds each to its row, so that one moved to another row does not open.
import type { EntityManager } from '@mikro-orm/postgresql'
import { newDataKey, sealer, type Sealer } from '@mcpshield/db/seal'
import { DataKeyRow } from './entities.ts'

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
  const place = `data_keys/${orgId}`
  let row = await em.findOne(DataKeyRow, { org_id: orgId })
  if (row === null) {
    await em.execute('insert into data_keys (org_id, wrapped) values (?, ?) on conflict do nothing', [
      orgId,
      master.seal(newDataKey(), place),
    ])
    // Two at once: both use the one that is there now.
    row = await em.findOneOrFail(DataKeyRow, { org_id: orgId })
  }
  const key = master.open(row.wrapped, place)
  // The master key was changed: wrapped anew, the one before is not needed any more.
  if (!master.isCurrent(row.wrapped))
    await em.nativeUpdate(DataKeyRow, { org_id: orgId }, { wrapped: master.seal(key, place) })
  return sealer([key])
}

// What belongs to a feed outside of the database, made equal to the database: durable consumers and NATS accounts. By the
// outbox, so that it is tried until it is done, by one instance at a time, and after a restart too.
import { AppError } from '@mcpshield/contracts/errors'
import type { Durables } from '@mcpshield/bus/durables'
import { siemDurable } from '@mcpshield/bus/siem-accounts'
import { enqueue, type Deliverers } from '@mcpshield/db/outbox'
import type { ConnectWriter } from './account.ts'
import { FeedRow } from './entities.ts'
import type { Plans } from './plan.ts'
import type { AccountState } from './settings.ts'
import { ACCOUNTS_TOPIC, CLEARINGS_TOPIC, DURABLES_TOPIC, recordOwn, settle, type Rows } from './store.ts'

export type SettlingDeps = {
  rows: Rows
  plans: Pick<Plans, 'isEnterprise'>
  durables(): Durables
  setAccount(credentialId: string, state: AccountState): Promise<void>
  connectWriter: ConnectWriter
  now(): Date
}

export function settlers(deps: SettlingDeps): Deliverers {
  return {
    [DURABLES_TOPIC]: ({ key }) => settleDurable(deps, key),
    [ACCOUNTS_TOPIC]: ({ key }) => settleAccount(deps, key),
    [CLEARINGS_TOPIC]: ({ key }) => clearAccount(deps, key),
  }
}

const rowOf = ({ rows }: SettlingDeps, id: string) => rows.read((em) => em.findOne(FeedRow, { id }))
const isGone = (row: FeedRow | null): row is null => row === null || row.revoked_at != null

/** Whoever runs a feed makes its consumer; it is removed here. */
async function settleDurable(deps: SettlingDeps, id: string): Promise<void> {
  if (isGone(await rowOf(deps, id))) await deps.durables().remove(siemDurable(id))
}

async function settleAccount(deps: SettlingDeps, id: string): Promise<void> {
  const row = await rowOf(deps, id)
  if (isGone(row)) {
    await isSet(deps, id, 'revoked')
    return deps.rows.change(async (em) => {
      await em.nativeUpdate(FeedRow, { id }, { account_state: 'revoked' })
      // Emptied after this, so that the next that is to be revoked does not wait for it.
      enqueue(em, CLEARINGS_TOPIC, id)
    })
  }
  const state = deps.plans.isEnterprise(row.org_id) ? 'open' : 'resting'
  if (!(await isSet(deps, id, state))) return markRevoked(deps, id)
  await deps.rows.change((em) => em.nativeUpdate(FeedRow, { id }, { account_state: state }))
}

/** False where the servers have it as revoked already, or more: they never turn that back. */
async function isSet({ setAccount }: SettlingDeps, id: string, state: AccountState): Promise<boolean> {
  try {
    await setAccount(id, state)
    return true
  } catch (error) {
    if (error instanceof AppError && error.code === 'CONFLICT') return false
    throw error
  }
}

/** The rows are of a time before it was revoked: they were restored. The servers know better. */
function markRevoked({ rows, now }: SettlingDeps, id: string): Promise<void> {
  return rows.change(async (em) => {
    const row = await em.findOne(FeedRow, { id })
    if (isGone(row)) return
    row.revoked_at = now()
    settle(em, row)
    const reason = `The SIEM credential ${row.name} was revoked before the database was restored.`
    const change = { method: 'revokeSiemCredential', reason, arguments: { credential_id: id } }
    recordOwn(em, row.org_id, change, now())
    await em.flush()
  })
}

/** An account that was taken back lets in nobody but us, who were given a JWT later. */
async function clearAccount(deps: SettlingDeps, id: string): Promise<void> {
  const closed = () => deps.rows.change((em) => em.nativeUpdate(FeedRow, { id }, { account_state: 'closed' }))
  // Closed already: that lets in nobody, us neither.
  if (!(await isSet(deps, id, 'revoked'))) return void (await closed())
  await using writer = await deps.connectWriter(id).catch((cause: unknown) => {
    throw new Error('the account of a revoked credential cannot be reached yet', { cause })
  })
  await writer.clear()
  await deps.setAccount(id, 'closed')
  await closed()
}

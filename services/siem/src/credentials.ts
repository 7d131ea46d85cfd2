// Credentials that read the record from NATS: each is an account of its own there, which a feed fills.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import { credsText, newUserKey } from '@mcpshield/bus/siem-accounts'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, ParsedInput } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { signedIn } from '@mcpshield/contracts/rights'
import type { siem } from '@mcpshield/contracts/siem'
import type { ConnectWriter } from './account.ts'
import { FeedRow } from './entities.ts'
import { readPage } from './pages.ts'
import { requireEnterprise, type AskPlan, type Plans } from './plan.ts'
import type { AccountState } from './settings.ts'
import { shownCredential } from './shown.ts'
import { feedOf, lockOrganization, record, settle, type Store } from './store.ts'

type Names = 'listSiemCredentials' | 'createSiemCredential' | 'getSiemCredential' | 'revokeSiemCredential'

export type CredentialDeps = {
  store: Store
  plans: Pick<Plans, 'isEnterprise'>
  askPlan: AskPlan
  /** Messages that wait for a feed, and are on their way; undefined when it is not known. */
  pending(feedId: string): Promise<number | undefined>
  setAccount(credentialId: string, state: AccountState): Promise<void>
  signReader(of: {
    credentialId: string
    orgId: string
    userKey: string
    expiresAt: string | null
  }): Promise<string>
  connectWriter: ConnectWriter
  /** Where holders of credentials reach the server. */
  natsUrl: string
  now(): Date
}

const MAX_CREDENTIALS = 10

export function credentialHandlers(deps: CredentialDeps): Pick<Handlers<typeof siem.rpc, Call>, Names> {
  const { store, plans, now } = deps
  const shown = async (row: FeedRow) =>
    shownCredential(row, deps.natsUrl, {
      isEnterprise: plans.isEnterprise(row.org_id),
      now: now(),
      pending: row.revoked_at == null ? await deps.pending(row.id) : undefined,
    })
  return {
    async listSiemCredentials(page, call) {
      const { org_id } = signedIn(call.caller)
      const handedOut = { kind: 'credential' as const, opened_at: { $ne: null } }
      const { rows, ...cursors } = await store.of(org_id).read((em) => readPage(em, handedOut, page))
      return { items: await Promise.all(rows.map(shown)), ...cursors }
    },

    async createSiemCredential(input, call) {
      const { org_id } = signedIn(call.caller)
      await requireEnterprise(deps.askPlan, org_id, call.requestId)
      const row = await store.of(org_id).change((em) => addRow(em, call, input, now()))
      const creds = await handedOut(deps, row).catch(async (cause: unknown) => {
        await takeBack(deps, row)
        throw cause instanceof AppError ? cause : notMade(cause)
      })
      return { ...(await shown(await markOpened(deps, call, row.id))), creds }
    },

    async getSiemCredential({ credential_id }, call) {
      const { org_id } = signedIn(call.caller)
      return shown(await store.of(org_id).read((em) => feedOf(em, credential_id, 'credential')))
    },

    async revokeSiemCredential({ credential_id }, call) {
      const { org_id } = signedIn(call.caller)
      await store.of(org_id).change(async (em) => {
        await lockOrganization(em, org_id)
        const row = await feedOf(em, credential_id, 'credential')
        if (row.revoked_at != null) return
        row.revoked_at = now()
        settle(em, row)
        const reason = `Revoked the SIEM credential ${row.name}.`
        record(em, call, { method: 'revokeSiemCredential', reason, arguments: { credential_id } }, now())
        await em.flush()
      })
      return {}
    },
  }
}

async function addRow(
  em: EntityManager,
  call: Call,
  { name, expires_at }: ParsedInput<typeof siem.rpc.createSiemCredential>,
  at: Date,
): Promise<FeedRow> {
  const { org_id, user_id } = signedIn(call.caller)
  const expiresAt = futureTime(expires_at, at)
  await lockOrganization(em, org_id)
  if ((await em.count(FeedRow, { kind: 'credential', revoked_at: null })) >= MAX_CREDENTIALS) {
    const message = `There are ${MAX_CREDENTIALS} SIEM credentials already. Revoke one first.`
    throw new AppError('CONFLICT', message, { type: 'too_many_siem_credentials' })
  }
  const row = em.create(FeedRow, {
    id: randomUUIDv7(),
    org_id,
    kind: 'credential',
    name,
    settings: { kind: 'credential' },
    enabled: true,
    created_by: user_id,
    created_at: at,
    updated_at: at,
    expires_at: expiresAt,
    revision: 1,
  })
  await em.flush()
  return row
}

/** Makes the account and what is in it, and answers the content of the .creds file. */
async function handedOut(deps: CredentialDeps, { id, org_id, expires_at }: FeedRow): Promise<string> {
  await deps.setAccount(id, 'open')
  await using writer = await deps.connectWriter(id)
  await writer.prepare()
  const user = newUserKey()
  const jwt = await deps.signReader({
    credentialId: id,
    orgId: org_id,
    userKey: user.getPublicKey(),
    expiresAt: expires_at?.toISOString() ?? null,
  })
  return credsText(jwt, user)
}

/** From now on it is listed, and filled. */
function markOpened({ store, now }: CredentialDeps, call: Call, id: string): Promise<FeedRow> {
  return store.of(signedIn(call.caller).org_id).change(async (em) => {
    const row = await feedOf(em, id, 'credential')
    Object.assign(row, { opened_at: now(), account_state: 'open' })
    const { name, expires_at } = row
    const args = { credential_id: id, name, expires_at: expires_at?.toISOString() ?? null }
    const reason = `Created the SIEM credential ${name}.`
    record(em, call, { method: 'createSiemCredential', reason, arguments: args }, now())
    await em.flush()
    return row
  })
}

async function takeBack({ store }: CredentialDeps, { id, org_id, kind }: FeedRow): Promise<void> {
  await store.of(org_id).change(async (em) => {
    await em.nativeDelete(FeedRow, { id })
    settle(em, { id, kind })
    await em.flush()
  })
}

function notMade(cause: unknown): AppError {
  const message =
    'The credential could not be made on the NATS server, and nothing was kept. Try again in a moment.'
  return new AppError('UNAVAILABLE', message, { cause })
}

function futureTime(given: string | null | undefined, now: Date): Date | null {
  if (given === null || given === undefined) return null
  const time = new Date(given)
  if (time > now) return time
  throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', {
    errors: [{ path: 'expires_at', message: 'must lie in the future' }],
  })
}

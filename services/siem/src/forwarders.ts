// Forwarders: where the record is carried to by us, and with what secrets.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, ParsedInput } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { signedIn } from '@mcpshield/contracts/rights'
import type { siem, SiemDestinationInput } from '@mcpshield/contracts/siem'
import { checkedDestination, keptHeaders } from './destinations.ts'
import { FeedRow } from './entities.ts'
import { readPage } from './pages.ts'
import { requireEnterprise, type AskPlan, type Plans } from './plan.ts'
import { newSigningSecret, type Secrets } from './secrets.ts'
import { settingsOf, type SealedSecrets } from './settings.ts'
import { shownForwarder } from './shown.ts'
import { feedOf, lockOrganization, record, settle, type Store } from './store.ts'
import { tryForwarder, type OpenForwarder } from './trials.ts'

type Names =
  | 'listSiemForwarders'
  | 'createSiemForwarder'
  | 'getSiemForwarder'
  | 'updateSiemForwarder'
  | 'deleteSiemForwarder'
  | 'testSiemForwarder'

export type ForwarderDeps = {
  store: Store
  secrets: Secrets
  plans: Pick<Plans, 'isEnterprise'>
  askPlan: AskPlan
  pending(feedId: string): Promise<number | undefined>
  openForwarder: OpenForwarder
  now(): Date
}

const MAX_FORWARDERS = 10
const NOT_CREDENTIALS = { kind: { $ne: 'credential' as const } }

export function forwarderHandlers(deps: ForwarderDeps): Pick<Handlers<typeof siem.rpc, Call>, Names> {
  const { store, plans, now } = deps
  const shown = async (row: FeedRow) =>
    shownForwarder(row, {
      isEnterprise: plans.isEnterprise(row.org_id),
      now: now(),
      pending: await deps.pending(row.id),
    })
  return {
    async listSiemForwarders(page, call) {
      const { org_id } = signedIn(call.caller)
      const { rows, ...cursors } = await store.of(org_id).read((em) => readPage(em, NOT_CREDENTIALS, page))
      return { items: await Promise.all(rows.map(shown)), ...cursors }
    },

    async createSiemForwarder(input, call) {
      const { org_id } = signedIn(call.caller)
      checkedDestination(input.destination)
      await requireEnterprise(deps.askPlan, org_id, call.requestId)
      const signing_secret = input.destination.kind === 'webhook' ? newSigningSecret() : null
      const row = await store.of(org_id).change((em) => addRow(em, deps, call, input, signing_secret))
      return { ...(await shown(row)), signing_secret }
    },

    async getSiemForwarder({ forwarder_id }, call) {
      const { org_id } = signedIn(call.caller)
      return shown(await store.of(org_id).read((em) => feedOf(em, forwarder_id, 'forwarder')))
    },

    async updateSiemForwarder(input, call) {
      const { org_id } = signedIn(call.caller)
      const { row, signing_secret } = await store.of(org_id).change((em) => changeRow(em, deps, call, input))
      return { ...(await shown(row)), signing_secret }
    },

    async deleteSiemForwarder({ forwarder_id }, call) {
      const { org_id } = signedIn(call.caller)
      await store.of(org_id).change(async (em) => {
        const row = await feedOf(em, forwarder_id, 'forwarder')
        em.remove(row)
        settle(em, row)
        const reason = `Deleted the SIEM forwarder ${row.name}.`
        record(em, call, { method: 'deleteSiemForwarder', reason, arguments: { forwarder_id } }, now())
        await em.flush()
      })
      return {}
    },

    async testSiemForwarder({ forwarder_id }, call) {
      const { org_id } = signedIn(call.caller)
      const row = await store.of(org_id).read((em) => feedOf(em, forwarder_id, 'forwarder'))
      await requireEnterprise(deps.askPlan, org_id, call.requestId)
      return tryForwarder(deps.openForwarder, row, call, now())
    },
  }
}

async function addRow(
  em: EntityManager,
  { secrets, now }: ForwarderDeps,
  call: Call,
  { name, destination, enabled }: ParsedInput<typeof siem.rpc.createSiemForwarder>,
  signing_secret: string | null,
): Promise<FeedRow> {
  const { org_id, user_id } = signedIn(call.caller)
  await lockOrganization(em, org_id)
  if ((await em.count(FeedRow, NOT_CREDENTIALS)) >= MAX_FORWARDERS) {
    const message = `There are ${MAX_FORWARDERS} SIEM forwarders already. Delete one first.`
    throw new AppError('CONFLICT', message, { type: 'too_many_siem_forwarders' })
  }
  const [id, at] = [randomUUIDv7(), now()]
  const row = em.create(FeedRow, {
    id,
    org_id,
    kind: destination.kind,
    name,
    settings: settingsOf(destination),
    sealed: signing_secret === null ? null : secrets.seal(id, secretsIn(destination, signing_secret)),
    enabled,
    created_by: user_id,
    created_at: at,
    updated_at: at,
    revision: 1,
  })
  const args = { forwarder_id: id, name, enabled, destination: namedIn(destination) }
  const reason = `Created the SIEM forwarder ${name} (${destination.kind}).`
  record(em, call, { method: 'createSiemForwarder', reason, arguments: args }, at)
  await em.flush()
  return row
}

async function changeRow(
  em: EntityManager,
  deps: ForwarderDeps,
  call: Call,
  input: ParsedInput<typeof siem.rpc.updateSiemForwarder>,
): Promise<{ row: FeedRow; signing_secret: string | null }> {
  const { forwarder_id, name, enabled, destination, rotate_secret } = input
  await lockOrganization(em, signedIn(call.caller).org_id)
  const row = await feedOf(em, forwarder_id, 'forwarder')
  if (destination !== undefined) checkedDestination(destination, row.settings)
  const signing_secret = rotate_secret === true ? rotated(row) : null
  if (row.sealed != null) {
    const before = deps.secrets.open(row.id, row.sealed)
    const headers =
      destination === undefined ? before.headers : keptHeaders(row.settings, destination, before)
    row.sealed = deps.secrets.seal(row.id, {
      signing_secret: signing_secret ?? before.signing_secret,
      headers,
    })
    if (destination?.kind === 'webhook') destination.headers = headers
  }
  if (name !== undefined) row.name = name
  if (enabled !== undefined) row.enabled = enabled
  if (destination !== undefined) row.settings = settingsOf(destination)
  Object.assign(row, {
    updated_at: deps.now(),
    revision: row.revision + 1,
    last_error: null,
    last_error_at: null,
  })
  const args = {
    forwarder_id,
    ...(name === undefined ? {} : { name }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(destination === undefined ? {} : { destination: namedIn(destination) }),
    ...(rotate_secret === undefined ? {} : { rotate_secret }),
  }
  const reason = `Changed the SIEM forwarder ${row.name}.`
  record(em, call, { method: 'updateSiemForwarder', reason, arguments: args }, deps.now())
  await em.flush()
  return { row, signing_secret }
}

function rotated({ kind }: FeedRow): string {
  if (kind === 'webhook') return newSigningSecret()
  throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', {
    errors: [{ path: 'rotate_secret', message: 'only a webhook has a signing secret' }],
  })
}

function secretsIn(destination: SiemDestinationInput, signing_secret: string): SealedSecrets {
  return { signing_secret, headers: destination.kind === 'webhook' ? (destination.headers ?? {}) : {} }
}

/** What the audit trail is told of a destination: no header, and of a URL no more than whose it is. */
function namedIn(destination: SiemDestinationInput): Record<string, string | number> {
  return destination.kind === 'webhook'
    ? { kind: 'webhook', origin: new URL(destination.url).origin }
    : { kind: 'syslog', host: destination.host, port: destination.port }
}

// The authorisation of upstreams behind OAuth: begun by an administrator, given by a person in a browser, finished where
// the authorisation server sends them back to.
import { createHash } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, ParsedInput } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { projects } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import { recordChange, type Actor } from '@mcpshield/db/admin-audit'
import type { Authorization } from '@mcpshield/oauth/authorization'
import { beginAuthorization, finishAuthorization } from '@mcpshield/oauth/authorize'
import { OAuthFailure } from '@mcpshield/oauth/failures'
import { clientMetadataDocument } from '@mcpshield/oauth/registration'
import { UpstreamAuthorizationRow, UpstreamRow } from './entities.ts'
import {
  asAppError,
  clientConfig,
  clientMetadataUrl,
  CLIENT_NAME,
  redirectUri,
  type OAuthClientDeps,
} from './oauth-client.ts'
import {
  oauthColumns,
  openOAuth,
  sameSettings,
  type OAuthSettings,
  type UpstreamOAuth,
} from './oauth-settings.ts'
import type { Secrets } from './secrets.ts'
import { found, lockProject, projectOf, record, runtimeChanged, type Store } from './store.ts'
import { openReach } from './upstreams.ts'

type Names = 'authorizeUpstream' | 'finishUpstreamAuthorization' | 'getOAuthClient'
type Deps = OAuthClientDeps & { store: Store; secrets: Secrets }

/** How long a person may take. */
const PENDING_MS = 10 * 60_000
/** Less than our callers wait (projects.ts of the contracts). */
const WITHIN_MS = 25_000

/** What an authorisation was begun for. It holds only while all of it is as it was. */
export type Subject = { url: string; settings: OAuthSettings }

/** What is kept while a person is away. */
type Begun = { subject: Subject; authorization: Authorization; by: Actor }

export function oauthHandlers(deps: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    authorizeUpstream: (input, call) => begin(deps, input, call),
    finishUpstreamAuthorization: (input, call) => finish(deps, input, call),

    async getOAuthClient() {
      const url = clientMetadataUrl(deps)
      if (url === undefined) throw new AppError('NOT_FOUND', 'This installation has no public https address.')
      return clientMetadataDocument({
        clientMetadataUrl: url,
        clientName: CLIENT_NAME,
        redirectUri: redirectUri(deps),
      })
    },
  }
}

async function begin(
  deps: Deps,
  { project_id, upstream_id }: ParsedInput<typeof projects.rpc.authorizeUpstream>,
  call: Call,
) {
  const { store, secrets, now } = deps
  const caller = signedIn(call.caller)
  const rows = store.of(caller.org_id)
  const { subject, authorization: known } = await rows.read(async (em) => {
    await projectOf(em, caller.org_id, project_id)
    return subjectOf(em, secrets, await upstreamOf(em, project_id, upstream_id))
  })
  const config = clientConfig(deps, subject.url, subject.settings, WITHIN_MS)
  const { authorizationUrl, authorization } = await beginAuthorization(config, known).catch(
    (error: unknown) => {
      throw asAppError(error, 'INVALID_ARGUMENT')
    },
  )
  const at = now()
  await rows.change(async (em) => {
    const project = await lockProject(em, caller.org_id, project_id)
    const row = await unchanged(em, secrets, project_id, upstream_id, subject)
    const reason =
      authorizationUrl === null
        ? `Authorised the upstream ${row.slug} by its client credentials.`
        : `Began the authorisation of the upstream ${row.slug}.`
    if (authorizationUrl === null) {
      await keep(em, secrets, row, { settings: subject.settings, authorization })
      runtimeChanged(em, project, at)
    } else {
      await keepClient(em, secrets, row, authorization)
      await keepPending(em, secrets, row, { subject, authorization, by: caller }, at)
    }
    record(em, call, { ...audited(row), method: 'authorizeUpstream', reason }, at)
    await em.flush()
  })
  return { authorization_url: authorizationUrl }
}

/** A client registered on the way is used again, unless there are tokens of another: those are renewed by theirs. */
async function keepClient(em: EntityManager, secrets: Secrets, row: UpstreamRow, begun: Authorization) {
  const now = await openOAuth(em, secrets, row)
  if (now === null || now.authorization.tokens !== undefined) return
  await keep(em, secrets, row, { settings: now.settings, authorization: begun })
}

async function keepPending(em: EntityManager, secrets: Secrets, row: UpstreamRow, begun: Begun, at: Date) {
  const digest = digestOf(begun.authorization.pending?.state ?? '')
  await em.nativeDelete(UpstreamAuthorizationRow, { expires_at: { $lt: at } })
  em.create(UpstreamAuthorizationRow, {
    state_digest: digest,
    project_id: row.project_id,
    org_id: row.org_id,
    upstream_id: row.id,
    sealed: await secrets.seal(em, row.org_id, pendingPlace(digest, row.id), begun),
    created_at: at,
    expires_at: new Date(at.getTime() + PENDING_MS),
  })
}

async function finish(
  deps: Deps,
  callback: ParsedInput<typeof projects.rpc.finishUpstreamAuthorization>,
  call: Call,
) {
  const { pending, row, begun } = await take(deps, digestOf(callback.state))
  const told = { project_id: pending.project_id, upstream: row.slug }
  if (pending.expires_at <= deps.now())
    throw new AppError('EXPIRED', 'This authorisation took too long: begin it again.')
  const { subject } = begun
  const config = clientConfig(deps, subject.url, subject.settings, WITHIN_MS)
  let authorization: Authorization
  try {
    authorization = await finishAuthorization(config, begun.authorization, callback)
  } catch (error) {
    if (error instanceof OAuthFailure && error.kind === 'denied')
      return { ...told, authorized: false, detail: error.message }
    throw asAppError(error, 'INVALID_ARGUMENT')
  }
  await keepFinished(deps, pending, begun, authorization, call)
  const detail = `The upstream ${row.slug} is authorised. You can close this page.`
  return { ...told, authorized: true, detail }
}

/** Takes what was begun away, whatever comes of it: a state is used once. */
async function take({ store, secrets }: Deps, state_digest: string) {
  return store.everywhere.change(async (em) => {
    const [pending] = await em.execute<{ state_digest: string }[]>(
      'delete from upstream_authorizations where state_digest = ? returning *',
      [state_digest],
    )
    const taken = found(pending, 'authorisation that was begun and not finished')
    const entity = em.map(UpstreamAuthorizationRow, taken)
    const { org_id, project_id, upstream_id, sealed } = entity
    const row = await upstreamOf(em, project_id, upstream_id)
    const begun = await secrets.open(em, org_id, pendingPlace(state_digest, upstream_id), sealed)
    return { pending: { ...entity }, row, begun: begun as Begun }
  })
}

async function keepFinished(
  { store, secrets, now }: Deps,
  { org_id, project_id, upstream_id }: UpstreamAuthorizationRow,
  { subject, by }: Begun,
  authorization: Authorization,
  call: Call,
): Promise<void> {
  const at = now()
  await store.of(org_id).change(async (em) => {
    const project = await lockProject(em, org_id, project_id)
    const row = await unchanged(em, secrets, project_id, upstream_id, subject)
    await keep(em, secrets, row, { settings: subject.settings, authorization })
    runtimeChanged(em, project, at)
    const { requestId } = call
    const reason = `Authorised the upstream ${row.slug}.`
    const change = { service: 'projects', ...audited(row), method: 'finishUpstreamAuthorization', reason }
    recordChange(em, { caller: by, requestId }, change, at)
    await em.flush()
  })
}

/** The upstream, held, if it is still what an authorisation was begun for: else the tokens would go elsewhere. */
async function unchanged(
  em: EntityManager,
  secrets: Secrets,
  project_id: string,
  id: string,
  subject: Subject,
): Promise<UpstreamRow> {
  const row = await lockUpstream(em, project_id, id)
  const { subject: now } = await subjectOf(em, secrets, row)
  if (now.url === subject.url && sameSettings(now.settings, subject.settings)) return row
  throw new AppError('INVALID_ARGUMENT', 'The upstream was changed meanwhile: begin its authorisation again.')
}

export async function subjectOf(
  em: EntityManager,
  secrets: Secrets,
  row: UpstreamRow,
): Promise<{ subject: Subject; authorization: Authorization }> {
  const oauth = await openOAuth(em, secrets, row)
  const { url } = await openReach(em, secrets, row.org_id, row)
  if (oauth === null || url === null)
    throw new AppError('INVALID_ARGUMENT', `The upstream ${row.slug} has no oauth settings.`)
  return { subject: { url, settings: oauth.settings }, authorization: oauth.authorization }
}

export async function keep(em: EntityManager, secrets: Secrets, row: UpstreamRow, oauth: UpstreamOAuth) {
  em.assign(row, await oauthColumns(em, secrets, row, oauth))
}

async function upstreamOf(em: EntityManager, project_id: string, id: string): Promise<UpstreamRow> {
  return found(await em.findOne(UpstreamRow, { id, project_id }), 'upstream')
}

/** Held until the transaction ends: a token is renewed once, and not under somebody's change. */
export async function lockUpstream(em: EntityManager, project_id: string, id: string): Promise<UpstreamRow> {
  await em.execute('select 1 from upstreams where id = ? for no key update', [id])
  return found(await em.findOne(UpstreamRow, { id, project_id }, { refresh: true }), 'upstream')
}

const digestOf = (state: string) => createHash('sha256').update(state).digest('hex')
const pendingPlace = (digest: string, upstreamId: string) => `upstream_authorizations/${digest}/${upstreamId}`

function audited({ id, slug, project_id, oauth_grant, oauth_scope }: UpstreamRow) {
  return {
    projectId: project_id,
    arguments: { upstream_id: id, slug, grant: oauth_grant ?? null, scope: oauth_scope ?? null },
  }
}

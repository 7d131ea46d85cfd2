// The access token of an upstream, for the gateways that send it. Renewed under a lock on the upstream: however many
// ask, in however many processes, a refresh token is used once.
import { createHash } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, ParsedInput } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { projects } from '@mcpshield/contracts/projects'
import type { Authorization, Tokens } from '@mcpshield/oauth/authorization'
import { renewTokens } from '@mcpshield/oauth/renew'
import { UpstreamRow } from './entities.ts'
import { keep, lockUpstream, subjectOf } from './oauth.ts'
import { asAppError, clientConfig, type OAuthClientDeps } from './oauth-client.ts'
import { openOAuth, type OAuthSettings } from './oauth-settings.ts'
import { renewalTurns } from './oauth-turns.ts'
import type { Secrets } from './secrets.ts'
import { found, rowsOfProject, type Rows, type Store } from './store.ts'

type Deps = OAuthClientDeps & { store: Store; secrets: Secrets }
type Asked = ParsedInput<typeof projects.rpc.getUpstreamToken>

/** A token is not given out with less of its life left: it would be over when it arrives. */
const MARGIN_MS = 5_000
/** A token that is refused so soon after it was made is not helped by another one. */
const TOO_SOON_MS = 2_000
/** Less than gateways wait (projects.ts of the contracts), with the wait for a turn. */
const WITHIN_MS = 12_000

export function oauthTokenHandlers(
  deps: Deps,
): Pick<Handlers<typeof projects.rpc, Call>, 'getUpstreamToken'> {
  const turns = renewalTurns()
  return {
    async getUpstreamToken(asked) {
      const { store, secrets, now } = deps
      const { rows, org_id } = await rowsOfProject(store, asked.project_id)
      const oauth = await rows.read(async (em) => openOAuth(em, secrets, await upstreamOf(em, asked)))
      if (oauth === null) throw new AppError('NOT_FOUND', 'The upstream is not behind OAuth.')
      const tokens = goodTokens(oauth.authorization, asked, now())
      if (tokens !== undefined) return given(tokens)
      refuseHopeless(oauth, asked, now())
      const key = JSON.stringify([asked.upstream_id, asked.refused_digest, asked.challenge])
      return given(await turns.take(org_id, key, () => renewed(deps, rows, asked)))
    },
  }
}

async function renewed(deps: Deps, rows: Rows, asked: Asked): Promise<Tokens> {
  const { secrets, now } = deps
  // What is to be said comes out of the transaction: an error would take back what was learnt.
  const { tokens, needsPerson } = await rows
    .change(async (em) => {
      const row = await lockUpstream(em, asked.project_id, asked.upstream_id)
      const { subject, authorization: known } = await subjectOf(em, secrets, row)
      const already = goodTokens(known, asked, now())
      if (already !== undefined) return { tokens: already, needsPerson: null }
      const config = clientConfig(deps, subject.url, subject.settings, WITHIN_MS)
      const { authorization, needsPerson } = await renewTokens(config, known, asked.challenge)
      await keep(em, secrets, row, { settings: subject.settings, authorization })
      await em.flush()
      return { tokens: authorization.tokens, needsPerson }
    })
    .catch((error: unknown) => {
      throw asAppError(error, 'EXPIRED')
    })
  if (needsPerson === null && tokens !== undefined) return tokens
  throw new AppError('EXPIRED', needsPerson ?? NEVER_AUTHORIZED)
}

const NEVER_AUTHORIZED = 'The upstream is not authorised: an administrator must authorise it.'

/** The tokens there are, unless they are the refused ones, or over. */
function goodTokens({ tokens }: Authorization, { refused_digest }: Asked, now: Date): Tokens | undefined {
  if (tokens === undefined) return undefined
  const refused = refused_digest !== undefined && digestOf(tokens) === refused_digest
  const over = tokens.expires_at_ms !== undefined && tokens.expires_at_ms - MARGIN_MS <= now.getTime()
  return refused || over ? undefined : tokens
}

/** What asking the authorisation server would not help. */
function refuseHopeless(
  { settings, authorization: { tokens } }: { settings: OAuthSettings; authorization: Authorization },
  { refused_digest, challenge }: Asked,
  now: Date,
): void {
  if (tokens === undefined && settings.grant === 'authorization_code')
    throw new AppError('EXPIRED', NEVER_AUTHORIZED)
  const forScope = challenge?.includes('insufficient_scope') === true
  if (tokens === undefined || refused_digest === undefined || forScope) return
  if (now.getTime() - tokens.issued_at_ms < TOO_SOON_MS)
    throw new AppError('UNAVAILABLE', 'The upstream refuses a token that was made for it just now.')
}

function given({ access_token, expires_at_ms }: Tokens) {
  return {
    access_token,
    expires_at: expires_at_ms === undefined ? null : new Date(expires_at_ms).toISOString(),
  }
}

function digestOf({ access_token }: Tokens): string {
  return createHash('sha256').update(access_token).digest('hex')
}

async function upstreamOf(em: EntityManager, { project_id, upstream_id }: Asked): Promise<UpstreamRow> {
  return found(await em.findOne(UpstreamRow, { id: upstream_id, project_id }), 'upstream')
}

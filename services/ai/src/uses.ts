// Uses of the assistant: counted before the model is asked, given back when it or we fail. What the plan includes is counted
// from the rows themselves under a lock of the organisation, so no two at once pass the limit, and none is lost.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { AiJob, AiSource } from '@mcpshield/contracts/ai'
import { AppError } from '@mcpshield/contracts/errors'
import type { SignedIn } from '@mcpshield/contracts/rights'
import { recordChange } from '@mcpshield/db/admin-audit'
import type { Tenancy } from '@mcpshield/db/tenancy'
import { UseRow, type UseState } from './entities.ts'

export type Tokens = { input: number; output: number }
export type Standing = { used: number; limit: number | null }

export type NewUse = {
  caller: SignedIn
  requestId: string
  project_id: string
  job: AiJob
  source: AiSource
  model: string | null
}

export type UseEnd = {
  state: Exclude<UseState, 'running'>
  /** Whether what was counted is given back. */
  refund: boolean
  tokens: Tokens
  attempts: number
}

/** `ended`: whether this call ended it. `refunded`: whether it had counted and was given back. */
export type Settled = Standing & { ended: boolean; counted: boolean; refunded: boolean }

export type Uses = {
  /** Throws QUOTA_EXCEEDED where the plan includes no more; a use without a model counts nothing. */
  begin(use: NewUse): Promise<string>
  /** Once; again it changes nothing. */
  end(orgId: string, id: string, end: UseEnd): Promise<Settled>
  months(
    orgId: string,
  ): Promise<{ month: string; used: number; input_tokens: number; output_tokens: number }[]>
  /** Those that nobody has ended since. */
  abandoned(before: Date): Promise<{ id: string; org_id: string }[]>
}

export type UsesDeps = {
  tenants: Tenancy
  limitOf(orgId: string): number | null
  /** Says that something to be told has committed. */
  wake(): void
  now(): Date
}

export function monthOf(time: Date): string {
  return time.toISOString().slice(0, 7)
}

const MONTHS = 12
const AT_ONCE = 100

export function usesStore({ tenants, limitOf, wake, now }: UsesDeps): Uses {
  return {
    begin: (use) => tenants.inOrganization(use.caller.org_id, (em) => begin(em, use, limitOf, now())),

    async end(orgId, id, end) {
      const settled = await tenants.inOrganization(orgId, async (em) => {
        const row = await em.findOneOrFail(UseRow, { id })
        const ended = await settle(em, row, end, now())
        const { count: used } = await countOf(em, orgId, row.month)
        return { ...ended, used, limit: limitOf(orgId) }
      })
      wake()
      return settled
    },

    months: (orgId) =>
      tenants.inOrganization(orgId, async (em) => {
        const rows = await em.execute<{ month: string; used: string; input: string; output: string }[]>(
          `select month, count(*) filter (where counted) as used, sum(input_tokens) as input,
             sum(output_tokens) as output
           from uses where org_id = ? group by month order by month desc limit ${MONTHS}`,
          [orgId],
        )
        return rows.map(({ month, used, input, output }) => ({
          month,
          used: Number(used),
          input_tokens: Number(input),
          output_tokens: Number(output),
        }))
      }),

    abandoned: (before) =>
      tenants.acrossOrganizations((em) =>
        em.execute<{ id: string; org_id: string }[]>(
          `select id, org_id from uses where state = 'running' and started_at < ? limit ${AT_ONCE}`,
          [before.toISOString()],
        ),
      ),
  }
}

async function begin(
  em: EntityManager,
  { caller, requestId, project_id, job, source, model }: NewUse,
  limitOf: UsesDeps['limitOf'],
  at: Date,
): Promise<string> {
  const { org_id, user_id, role } = caller
  const counted = source === 'model'
  const month = monthOf(at)
  if (counted) {
    // Whoever comes second counts what the first has begun.
    await em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`ai:${org_id}`])
    const { count } = await countOf(em, org_id, month)
    const limit = limitOf(org_id)
    if (limit !== null && count >= limit) throw noneLeft(limit)
  }
  const id = randomUUIDv7()
  em.persist(
    em.create(UseRow, {
      ...{ id, org_id, project_id, user_id, role, request_id: requestId.slice(0, 64) },
      ...{ job, source, model, state: 'running', counted, month },
      ...{ input_tokens: 0, output_tokens: 0, attempts: 0, started_at: at, ended_at: null },
    }),
  )
  await em.flush()
  return id
}

function noneLeft(limit: number): AppError {
  const uses = limit === 1 ? '1 use' : `${limit} uses`
  return new AppError(
    'QUOTA_EXCEEDED',
    `The plan includes ${uses} of the assistant a month, and they are used up until the first of the next month. The built-in templates (source: template) can be used all the same.`,
    { type: 'ai_calls_used_up' },
  )
}

async function countOf(em: EntityManager, orgId: string, month: string): Promise<{ count: number }> {
  return { count: await em.count(UseRow, { org_id: orgId, month, counted: true }) }
}

async function settle(
  em: EntityManager,
  row: UseRow,
  end: UseEnd,
  at: Date,
): Promise<Omit<Settled, 'used' | 'limit'>> {
  const refunded = end.refund && row.counted
  const changed = {
    state: end.state,
    counted: row.counted && !end.refund,
    input_tokens: end.tokens.input,
    output_tokens: end.tokens.output,
    attempts: end.attempts,
    ended_at: at,
  }
  // Two may end it at once: its writer, and a reader who thought the writer gone.
  const ended = (await em.nativeUpdate(UseRow, { id: row.id, state: 'running' }, changed)) === 1
  if (!ended) return { ended, counted: row.counted, refunded: row.state === 'failed' && !row.counted }
  record(em, row, { ...end, refund: refunded }, at)
  await em.flush()
  return { ended, counted: changed.counted, refunded }
}

const METHODS: Record<AiJob, string> = { policies: 'draftPolicy', analyze: 'analyze', advise: 'advise' }
const WORDS: Record<AiJob, string> = {
  policies: 'Had a policy drafted',
  analyze: 'Had a policy or a query analysed',
  advise: 'Asked for advice',
}

/** Who used it for what and what it took; not what was asked nor what was answered. */
function record(em: EntityManager, row: UseRow, { state, refund, tokens, attempts }: UseEnd, at: Date): void {
  const by = { org_id: row.org_id, user_id: row.user_id ?? null, role: row.role }
  const reason = `${WORDS[row.job]} by ${row.source === 'model' ? `the model ${row.model ?? ''}` : 'the built-in templates'}: ${state}.`
  recordChange(
    em,
    { caller: by, requestId: row.request_id },
    {
      service: 'ai',
      method: METHODS[row.job],
      projectId: row.project_id ?? null,
      reason,
      arguments: {
        source: row.source,
        model: row.model ?? null,
        outcome: state,
        given_back: refund,
        input_tokens: tokens.input,
        output_tokens: tokens.output,
        attempts,
      },
    },
    at,
  )
}

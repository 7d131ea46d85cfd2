// What of its usage one looks at: how far back, in which steps; and the calls behind each number.

export const STEPS = ['day', 'week', 'month'] as const
export type Step = (typeof STEPS)[number]

export const SPANS = [
  { days: 7, label: '7 days' },
  { days: 30, label: '30 days' },
  { days: 90, label: '90 days' },
  { days: 366, label: 'A year' },
] as const

/** The step in which a span is readable: about 60 bars at most. */
const STEP_OF: Record<(typeof SPANS)[number]['days'], Step> = {
  7: 'day',
  30: 'day',
  90: 'week',
  366: 'month',
}

export type Asked = { days: (typeof SPANS)[number]['days']; step: Step; projectId: string | undefined }

export function askedIn(get: (name: string) => string | null): Asked {
  const days = SPANS.find((span) => String(span.days) === get('days'))?.days ?? 30
  const step = STEPS.find((each) => each === get('step')) ?? STEP_OF[days]
  return { days, step, projectId: get('project_id') || undefined }
}

export function usageHref({ days, step, projectId }: Partial<Asked>): string {
  const query = new URLSearchParams()
  if (days !== undefined) query.set('days', String(days))
  if (step !== undefined) query.set('step', step)
  if (projectId !== undefined) query.set('project_id', projectId)
  return `/app/usage?${query}`
}

const DAY_MS = 86_400_000

/** From when to when a bar is: days and months of UTC, as they are counted. `key` is `2026-11-27` or `2026-11`. */
export function spanOf(key: string, step: Step): { from: string; to: string } {
  const [year = 0, month = 1, day = 1] = key.split('-').map(Number)
  const fromMs = Date.UTC(year, month - 1, day)
  const toMs = step === 'month' ? Date.UTC(year, month, 1) : fromMs + (step === 'week' ? 7 : 1) * DAY_MS
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }
}

const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
const MONTH = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' })

export function labelOf(key: string, step: Step): string {
  const from = new Date(spanOf(key, step).from)
  return step === 'month' ? MONTH.format(from) : DAY.format(from)
}

/** The calls behind a number. */
export function auditsHref(filters: Record<string, string | undefined>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(filters)) if (value !== undefined) query.set(name, value)
  return `/app/audits?${query}`
}

export type Fill = { percent: number; state: 'fine' | 'near' | 'past' }

const NEAR_PERCENT = 80

/** How full a limit is; whole percents, and 100 only when it is reached. */
export function fillOf(used: number, limit: number): Fill {
  const percent = limit === 0 ? 100 : Math.floor((used / limit) * 100)
  return { percent, state: percent >= 100 ? 'past' : percent >= NEAR_PERCENT ? 'near' : 'fine' }
}

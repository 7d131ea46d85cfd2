// What plans cost and include, in words. Amounts are minor units.

type Priced = { currency: string; price_monthly: number | null; price_yearly: number | null }
type Limits = {
  max_events_per_month: number | null
  max_projects: number | null
  audit_retention_days: number | null
  max_ai_calls_per_month: number | null
}

export function money(amount: number, currency: string): string {
  const whole = amount % 100 === 0
  return new Intl.NumberFormat('en-US', {
    style: 'currency',
    currency,
    minimumFractionDigits: whole ? 0 : 2,
  }).format(amount / 100)
}

export function priceInWords({ currency, price_monthly: monthly }: Priced): { price: string; per: string } {
  if (monthly === null) return { price: 'By agreement', per: 'invoiced' }
  if (monthly === 0) return { price: money(0, currency), per: 'for as long as you like' }
  return { price: money(monthly, currency), per: 'a month' }
}

export function yearlyInWords({ currency, price_yearly: yearly }: Priced): string | undefined {
  return yearly === null || yearly === 0 ? undefined : `or ${money(yearly, currency)} a year`
}

const counted = (value: number | null, none: string) =>
  value === null ? none : value.toLocaleString('en-GB')

/** The rows of the comparison: what differs between plans. */
export const LIMIT_ROWS: readonly { label: string; of: (limits: Limits) => string }[] = [
  { label: 'Decisions and reported events a month', of: (l) => counted(l.max_events_per_month, 'No limit') },
  { label: 'Projects', of: (l) => counted(l.max_projects, 'No limit') },
  {
    label: 'Records are kept',
    of: (l) => (l.audit_retention_days === null ? 'For good' : `${counted(l.audit_retention_days, '')} days`),
  },
  { label: 'Calls of the assistant a month', of: (l) => counted(l.max_ai_calls_per_month, 'No limit') },
]

/** What every plan has. */
export const IN_EVERY_PLAN = [
  'The whole policy language, with tests, simulation and roll-back',
  'All connectors and any number of MCP servers',
  'Approvals, redaction, pins, kill switches',
  'Members and roles, second factor',
  'Export as CSV, JSON Lines and OCSF',
]

// What a period costs: plan, period and usage → the lines of an invoice and their total. Whole minor units only.
import type { Invoice } from '@mcpshield/contracts/billing'
import { PLANS, type Plan, type PlanCode } from '@mcpshield/contracts/plans'
import type { PeriodName, Span } from './periods.ts'

export type Line = Invoice['lines'][number]

export type Metered = {
  plan: PlanCode
  period: PeriodName
  /** The period as it was meant to be. */
  whole: Span
  /** When it ended in truth: the whole's end, or before it. */
  until: Date
  /** Events in it; null when nobody can say any more. */
  usage: number | null
}

export function linesOf({ plan, period, whole, until, usage }: Metered): Line[] {
  const terms = PLANS[plan]
  const line = planLine(terms, period, whole, until)
  return usage === null ? [line] : [line, usageLine(terms, period, usage)]
}

export function totalOf(lines: readonly Line[]): number {
  return lines.reduce((sum, line) => sum + line.amount, 0)
}

/**
 * The share of a price that falls on a part of a period, by milliseconds. The price of what has passed is rounded
 * half up at each end of the part, so that the parts of a period always add up to its price.
 */
export function proRata(price: number, whole: Span, part: Span): number {
  const passed = (time: Date) => {
    const [elapsedMs, wholeMs] = [BigInt(time.getTime() - whole.start.getTime()), BigInt(lengthMs(whole))]
    return (2n * BigInt(price) * elapsedMs + wholeMs) / (2n * wholeMs)
  }
  return Number(passed(part.end) - passed(part.start))
}

function planLine(plan: Plan, period: PeriodName, whole: Span, until: Date): Line {
  const price = period === 'yearly' ? plan.price_yearly : plan.price_monthly
  const name = price === 0 ? plan.name : `${plan.name}, ${period}`
  if (price === null) return planLineOf(`${name}: price by agreement, invoiced separately`, 0)
  if (price === 0 || until >= whole.end) return planLineOf(name, price)
  const days = `${day(whole.start)} to ${day(until)} of ${day(whole.start)} to ${day(whole.end)}`
  return planLineOf(`${name}; pro rata, ${days}`, proRata(price, whole, { start: whole.start, end: until }))
}

function planLineOf(description: string, amount: number): Line {
  return { kind: 'plan', description, quantity: 1, unit_amount: amount, amount }
}

function usageLine({ limits }: Plan, period: PeriodName, usage: number): Line {
  const included = limits.max_events_per_month
  const often = period === 'yearly' && included !== null ? ' a month' : ''
  const events = `${grouped(usage)} ${usage === 1 ? 'event' : 'events'}`
  return {
    kind: 'usage',
    description: `${events}, ${included === null ? 'any number' : grouped(included)}${often} included`,
    quantity: usage,
    unit_amount: 0,
    amount: 0,
  }
}

function lengthMs({ start, end }: Span): number {
  return end.getTime() - start.getTime()
}

function day(time: Date): string {
  return time.toISOString().slice(0, 10)
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

// Months and years of UTC, counted from an anchor. Each period begins where the one before it ends.
export type PeriodName = 'monthly' | 'yearly'

/** From `start` up to, and without, `end`. */
export type Span = { start: Date; end: Date }

const MONTHS: Record<PeriodName, number> = { monthly: 1, yearly: 12 }

/** The period, of those counted from `anchor`, that `time` lies in. */
export function periodAt(anchor: Date, period: PeriodName, time: Date): Span {
  const step = MONTHS[period]
  const estimate = Math.floor((monthOf(time) - monthOf(anchor)) / step)
  // In the anchor's month of the year, a time before its day and hour belongs to the period before.
  const index = addMonths(anchor, estimate * step) > time ? estimate - 1 : estimate
  return { start: addMonths(anchor, index * step), end: addMonths(anchor, (index + 1) * step) }
}

/** The calendar month that `time` lies in. */
export function calendarMonth(time: Date): Span {
  const [year, month] = [time.getUTCFullYear(), time.getUTCMonth()]
  return { start: new Date(Date.UTC(year, month)), end: new Date(Date.UTC(year, month + 1)) }
}

/** The time itself, or the bound that it is beyond: clocks of two machines differ. */
export function within({ start, end }: Span, time: Date): Date {
  if (time < start) return start
  return time > end ? end : time
}

/** The same day and time so many months later; the month's last day where it has no such day. */
function addMonths(anchor: Date, months: number): Date {
  const [year, month] = [anchor.getUTCFullYear(), anchor.getUTCMonth() + months]
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  const moved = new Date(anchor)
  moved.setUTCFullYear(year, month, Math.min(anchor.getUTCDate(), lastDay))
  return moved
}

function monthOf(time: Date): number {
  return time.getUTCFullYear() * 12 + time.getUTCMonth()
}

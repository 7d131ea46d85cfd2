// The `time` condition: days and hours of a time zone. A window that crosses midnight belongs to the day on which
// it begins.
import { listOf } from './schema.ts'
import type { TimeWindow } from './conditions-schema.ts'

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const DAY_MINUTES = 24 * 60
const HOURS = /^([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])$/
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

type Hours = { start: number; end: number }
export type InsideWindow = (epochMs: number) => boolean

export function readTimeWindow(
  window: TimeWindow,
): { inside: InsideWindow } | { problem: string; at: keyof TimeWindow } {
  const days = readDays(listOf(window.days ?? 'mon-sun'))
  if (typeof days === 'string') return { problem: days, at: 'days' }
  const hours = readHours(listOf(window.hours ?? '00:00-24:00'))
  if (typeof hours === 'string') return { problem: hours, at: 'hours' }
  const clock = localClock(window.timezone ?? 'UTC')
  if (clock === undefined) {
    return {
      problem: 'is not a time zone known here; use an IANA name such as Europe/Berlin',
      at: 'timezone',
    }
  }
  // The answer is the same for the whole minute, and asking the calendar is what costs.
  let lastMinute = Number.NaN
  let lastAnswer = false
  return {
    inside(epochMs) {
      const epochMinute = Math.floor(epochMs / 60_000)
      if (epochMinute !== lastMinute) {
        const { day, minute } = clock(epochMs)
        lastAnswer = hours.some((each) => isInside(each, days, day, minute))
        lastMinute = epochMinute
      }
      return lastAnswer
    },
  }
}

/** Milliseconds since 1970 of an RFC 3339 time, or undefined. */
export function readTime(text: unknown): number | undefined {
  if (typeof text !== 'string' || !RFC_3339.test(text)) return undefined
  const epochMs = Date.parse(text)
  return Number.isNaN(epochMs) ? undefined : epochMs
}

function isInside({ start, end }: Hours, days: ReadonlySet<number>, day: number, minute: number): boolean {
  if (start < end) return days.has(day) && minute >= start && minute < end
  return (days.has(day) && minute >= start) || (days.has((day + 6) % 7) && minute < end)
}

function readDays(entries: readonly string[]): Set<number> | string {
  const days = new Set<number>()
  for (const entry of entries) {
    const names = entry.toLowerCase().split('-')
    const [first = -1, last = first] = names.map((name) => DAYS.indexOf(name))
    if (names.length > 2 || first === -1 || last === -1) return 'must be days such as mon or mon-fri'
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day)
      if (day === last) break
    }
  }
  return days
}

function readHours(entries: readonly string[]): Hours[] | string {
  const hours: Hours[] = []
  for (const entry of entries) {
    const [, ...numbers] = HOURS.exec(entry)?.map(Number) ?? []
    const [startHour = 99, startMinute = 0, endHour = 99, endMinute = 0] = numbers
    const start = startHour * 60 + startMinute
    const end = endHour * 60 + endMinute
    if (start >= DAY_MINUTES || end > DAY_MINUTES) return 'must be hours such as 09:00-18:00'
    if (start === end) return 'begins and ends at the same time; leave `hours` out for the whole day'
    hours.push({ start, end })
  }
  return hours
}

function localClock(timeZone: string): ((epochMs: number) => { day: number; minute: number }) | undefined {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
  } catch {
    return undefined
  }
  return (epochMs) => {
    const parts = format.formatToParts(epochMs)
    const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ''
    const day = DAYS.indexOf(part('weekday').toLowerCase())
    return { day, minute: Number(part('hour')) * 60 + Number(part('minute')) }
  }
}

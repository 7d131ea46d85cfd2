// Moments as people and forms write them.

const WALL = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?$/
const MINUTE_MS = 60_000

/** RFC 3339 in UTC of a moment with a zone, or of one on the wall clock of a zone; `undefined` when it is neither. */
export function momentOf(text: string, timeZone: string): string | undefined {
  const wall = WALL.exec(text)
  const ms = wall === null ? zonedMs(text) : wallMs(wall, timeZone)
  if (ms === undefined || Number.isNaN(ms)) return undefined
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() < 0 || date.getUTCFullYear() > 9_999
    ? undefined
    : date.toISOString()
}

/** What a field of date and time shows: `2026-11-27T10:30` on the wall clock of the zone. */
export function wallClock(moment: string, timeZone: string): string {
  const ms = Date.parse(moment)
  return new Date(ms + offsetMs(ms, timeZone)).toISOString().slice(0, 16)
}

function zonedMs(text: string): number | undefined {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d.*(?:Z|[+-]\d\d:\d\d)$/i.test(text) ? Date.parse(text) : undefined
}

function wallMs(parts: RegExpExecArray, timeZone: string): number | undefined {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((part) => (part === undefined ? 0 : Number(part)))
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second, Number((parts[7] ?? '').padEnd(3, '0')))
  const date = new Date(asUtc)
  // The 31st of a month that has none is nobody's date.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59)
    return undefined
  // The offset of the moment itself, not of the same digits in UTC: they differ around a change of the clocks.
  const first = asUtc - offsetMs(asUtc, timeZone)
  return asUtc - offsetMs(first, timeZone)
}

/** By how much the zone's wall clock is ahead of UTC at that moment. */
function offsetMs(ms: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  }).formatToParts(ms)
  const part = (type: string) => Number(parts.find((each) => each.type === type)?.value)
  const wall = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'))
  return wall - Math.floor(ms / MINUTE_MS) * MINUTE_MS
}

/** A moment in UTC, as the API takes it. */
export function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}

// Times, durations and sizes as the list and the detail show them.

const formats = new Map<string, Intl.DateTimeFormat>()

/** Made once: a formatter costs more than what it formats. */
function formatOf(timeZone: string, kind: 'long' | 'short'): Intl.DateTimeFormat {
  const key = `${kind} ${timeZone}`
  const known = formats.get(key)
  if (known !== undefined) return known
  const day = { day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit' } as const
  const seconds = { second: '2-digit', fractionalSecondDigits: 3 } as const
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    ...day,
    ...(kind === 'long' ? seconds : {}),
  })
  formats.set(key, format)
  return format
}

export function rowTimes(time: string, timeZone: string): { long: string; short: string; utc: string } {
  const date = new Date(time)
  return {
    long: formatOf(timeZone, 'long').format(date),
    short: formatOf(timeZone, 'short').format(date),
    utc: `${time.replace('T', ' ').replace('Z', '')} UTC`,
  }
}

export function durationInWords(ms: number | null): string {
  if (ms === null) return ''
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 1_000)} s`
}

export function bytesInWords(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`
  const kib = bytes / 1_024
  return kib < 1_024 ? `${kib.toFixed(1)} KiB` : `${(kib / 1_024).toFixed(1)} MiB`
}

/** Of a limit: whole units, as people set them. */
export function spanInWords(ms: number): string {
  const units = [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1_000],
    ['millisecond', 1],
  ] as const
  const [unit, unitMs] = units.find(([, each]) => ms >= each && ms % each === 0) ?? units[4]
  const count = ms / unitMs
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

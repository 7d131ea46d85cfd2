// `500ms`, `30s`, `5m`, `1h`, `7d`.
const UNITS_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const MAX_MS = 31 * 86_400_000

export const DURATION = /^[1-9][0-9]{0,8}(ms|s|m|h|d)$/

/** Milliseconds, or undefined when it is no duration or is longer than 31 days. */
export function durationMs(text: string): number | undefined {
  const unit = DURATION.exec(text)?.[1]
  if (unit === undefined) return undefined
  const ms = Number.parseInt(text, 10) * (UNITS_MS[unit] ?? Number.NaN)
  return ms <= MAX_MS ? ms : undefined
}

// Calendar months in UTC, as a number that fits anywhere: months since January 2000.

export function monthOf(ms: number): number {
  const date = new Date(ms)
  return (date.getUTCFullYear() - 2000) * 12 + date.getUTCMonth()
}

/** `2026-11`. */
export function monthName(month: number): string {
  return new Date(startOf(month)).toISOString().slice(0, 7)
}

/** Its first millisecond, and that of the next. */
export function monthSpan(month: number): { fromMs: number; toMs: number } {
  return { fromMs: startOf(month), toMs: startOf(month + 1) }
}

const startOf = (month: number) => Date.UTC(2000, month)

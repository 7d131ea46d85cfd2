// What a bar of decisions is made of.

export type Counted = 'allow' | 'deny' | 'ask'
export type DecisionBar = {
  label: string
  /** Said with the label where there is room: the same time in UTC. */
  hint?: string
  href?: string
} & Record<Counted, number>

/** From the axis upwards, and in legends and tables. */
export const COUNTED = [
  { decision: 'allow', label: 'Allowed' },
  { decision: 'ask', label: 'Held' },
  { decision: 'deny', label: 'Denied' },
] as const satisfies { decision: Counted; label: string }[]

export const PLOT_HEIGHT_PX = 168

export type Part = { decision: Counted; from: number; to: number }

/** The parts of a bar that are not empty, each from where the one below ends. */
export function stackOf(bar: DecisionBar): { parts: Part[]; total: number } {
  const parts: Part[] = []
  let total = 0
  for (const { decision } of COUNTED) {
    const value = bar[decision]
    if (value <= 0) continue
    parts.push({ decision, from: total, to: total + value })
    total += value
  }
  return { parts, total }
}

export function countsInWords(bar: DecisionBar): string {
  return COUNTED.map(({ decision, label }) => `${bar[decision]} ${label.toLowerCase()}`).join(', ')
}

/** Every how many bars one has a label, so that at most so many do. */
export function labelStep(bars: number, most: number): number {
  return Math.max(1, Math.ceil(bars / most))
}

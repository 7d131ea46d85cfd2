/** A stretch of text that must not leave. Offsets count UTF-16 code units, as JavaScript strings do. */
export type Finding<Type extends string = string> = { type: Type; start: number; end: number }

/** How a detector reports what it saw. */
export type Emit<Type extends string = string> = (type: Type, start: number, end: number) => void

/**
 * Sorts findings and merges the overlapping ones into their union. The merged finding takes the type of its
 * longest part; between equal parts the earlier one in `order` is the more telling name.
 */
export function mergeFindings<Type extends string>(
  found: Finding<Type>[],
  order: readonly Type[],
): Finding<Type>[] {
  if (found.length < 2) return found
  found.sort((a, b) => a.start - b.start || b.end - a.end || order.indexOf(a.type) - order.indexOf(b.type))
  const merged: Finding<Type>[] = []
  let longest = 0
  for (const next of found) {
    const last = merged.at(-1)
    const length = next.end - next.start
    if (last === undefined || next.start >= last.end) {
      merged.push({ ...next })
      longest = length
      continue
    }
    last.end = Math.max(last.end, next.end)
    const moreTelling = length === longest && order.indexOf(next.type) < order.indexOf(last.type)
    if (length > longest || moreTelling) {
      last.type = next.type
      longest = length
    }
  }
  return merged
}

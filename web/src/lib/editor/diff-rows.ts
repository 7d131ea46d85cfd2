// The lines of a difference, from what the API says of two versions or from two texts.
export type DiffRow =
  | { kind: 'same'; left: number; right: number; text: string }
  | { kind: 'removed'; left: number; text: string }
  | { kind: 'added'; right: number; text: string }
  /** Lines that are the same and not shown. */
  | { kind: 'gap'; lines: number }

const CONTEXT = 3

/** The rows of a unified diff. */
export function rowsOfUnified(diff: string): DiffRow[] {
  const rows: DiffRow[] = []
  let [left, right, shown] = [0, 0, 0]
  for (const line of diff.split('\n')) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line)
    if (hunk !== null) {
      left = Number(hunk[1]) + (hunk[2] === '0' ? 1 : 0)
      right = Number(hunk[3]) + (hunk[4] === '0' ? 1 : 0)
      if (left - 1 > shown) rows.push({ kind: 'gap', lines: left - 1 - shown })
    } else if (left === 0 && right === 0) continue
    else if (line.startsWith('-')) rows.push({ kind: 'removed', left: left++, text: line.slice(1) })
    else if (line.startsWith('+')) rows.push({ kind: 'added', right: right++, text: line.slice(1) })
    else if (line.startsWith(' '))
      rows.push({ kind: 'same', left: left++, right: right++, text: line.slice(1) })
    shown = left - 1
  }
  return rows
}

/** Lines `[from, to)` of each side that differ, counted from 0. */
export type ChangedLines = { leftFrom: number; leftTo: number; rightFrom: number; rightTo: number }

/** The rows of two texts, by what differs of them. */
export function rowsOfChanges(left: string, right: string, changes: readonly ChangedLines[]): DiffRow[] {
  const [lines, others] = [linesOf(left), linesOf(right)]
  const rows: DiffRow[] = []
  let at = 0
  let shift = 0
  const same = (from: number, to: number) => {
    for (let i = from; i < to; i++)
      rows.push({ kind: 'same', left: i + 1, right: i + 1 + shift, text: lines[i] ?? '' })
  }
  const skip = (from: number, to: number, atStart: boolean, atEnd: boolean) => {
    const [head, tail] = [
      atStart ? from : Math.min(from + CONTEXT, to),
      atEnd ? to : Math.max(to - CONTEXT, from),
    ]
    if (tail - head <= 1) return same(from, to)
    same(from, head)
    rows.push({ kind: 'gap', lines: tail - head })
    same(tail, to)
  }
  for (const [i, { leftFrom, leftTo, rightFrom, rightTo }] of changes.entries()) {
    skip(at, leftFrom, i === 0, false)
    for (let n = leftFrom; n < leftTo; n++) rows.push({ kind: 'removed', left: n + 1, text: lines[n] ?? '' })
    for (let n = rightFrom; n < rightTo; n++)
      rows.push({ kind: 'added', right: n + 1, text: others[n] ?? '' })
    at = leftTo
    shift = rightTo - leftTo
  }
  if (changes.length > 0) skip(at, lines.length, false, true)
  return rows
}

function linesOf(text: string): string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** Removed and added lines beside each other. */
export type DiffPair =
  | { gap: number }
  | { left?: { n: number; text: string }; right?: { n: number; text: string }; changed: boolean }

export function pairsOf(rows: readonly DiffRow[]): DiffPair[] {
  const pairs: DiffPair[] = []
  let removed: { n: number; text: string }[] = []
  let added: { n: number; text: string }[] = []
  const flush = () => {
    for (let i = 0; i < Math.max(removed.length, added.length); i++) {
      const [left, right] = [removed[i], added[i]]
      pairs.push({
        ...(left === undefined ? {} : { left }),
        ...(right === undefined ? {} : { right }),
        changed: true,
      })
    }
    removed = []
    added = []
  }
  for (const row of rows) {
    if (row.kind === 'removed') removed.push({ n: row.left, text: row.text })
    else if (row.kind === 'added') added.push({ n: row.right, text: row.text })
    else {
      flush()
      if (row.kind === 'gap') pairs.push({ gap: row.lines })
      else {
        const { left, right, text } = row
        pairs.push({ left: { n: left, text }, right: { n: right, text }, changed: false })
      }
    }
  }
  flush()
  return pairs
}

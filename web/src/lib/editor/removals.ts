// Takes a key with its value, or an entry of a list, out of a text without touching the rest.
import { isMap, isPair, isSeq, parseDocument, visit } from 'yaml'
import type { Node, Pair, YAMLMap, YAMLSeq } from 'yaml'
import type { TextChange } from './checked.ts'

export type Stretch = { from: number; to: number }

const PARSE = { uniqueKeys: false, prettyErrors: false, schema: 'core' } as const

export function parse(text: string) {
  return parseDocument(text, PARSE)
}

/** Removes the key, or the entry, that begins at the offset. */
export function removeAt(text: string, offset: number): TextChange | undefined {
  let found: TextChange | undefined
  visit(parse(text), {
    Map: (_, map) => {
      const i = map.items.findIndex(({ key }) => startOf(key) === offset)
      if (i === -1) return undefined
      found = removalOf(text, map, i)
      return visit.BREAK
    },
    Seq: (_, seq) => {
      const i = seq.items.findIndex((item) => startOf(item) === offset)
      if (i === -1) return undefined
      found = removalOf(text, seq, i)
      return visit.BREAK
    },
  })
  return found
}

/** The change that removes one entry of a map or list. */
export function removalOf(text: string, parent: YAMLMap | YAMLSeq, i: number): TextChange {
  const entries = parent.items.map((item) => stretchOf(item))
  const entry = entries[i]
  if (entry === undefined) throw new RangeError('There is no such entry.')
  if (parent.flow === true) return { ...flowCut(entries, i, entry), insert: '' }
  return { ...blockCut(text, parent, entry), insert: '' }
}

/** In a flow collection the comma goes too: the one before, or after the first. */
function flowCut(entries: readonly Stretch[], i: number, entry: Stretch): Stretch {
  const before = entries[i - 1]
  const after = entries[i + 1]
  if (before !== undefined) return { from: before.to, to: entry.to }
  return after === undefined ? entry : { from: entry.from, to: after.from }
}

/** In a block the whole lines go, with a comment at their end. The first key after a dash leaves the dash. */
function blockCut(text: string, parent: YAMLMap | YAMLSeq, entry: Stretch): Stretch {
  const lineStart = text.lastIndexOf('\n', entry.from - 1) + 1
  const before = text.slice(lineStart, entry.from)
  const lineEnd = text.indexOf('\n', entry.to)
  const rest = text.slice(entry.to, lineEnd === -1 ? text.length : lineEnd)
  const to = /^\s*(#.*)?$/.test(rest) ? (lineEnd === -1 ? text.length : lineEnd + 1) : entry.to
  if (isSeq(parent) || /^\s*$/.test(before)) return { from: lineStart, to }
  const next = /^\s*/.exec(text.slice(to))?.[0].length ?? 0
  return { from: entry.from, to: to + next }
}

/** Where an entry stands, from its key (or value) to the end of its value, without comments after it. */
export function stretchOf(item: unknown): Stretch {
  if (!isPair(item)) return { from: startOf(item), to: endOf(item) }
  return { from: startOf(item.key), to: Math.max(endOf(item.key), endOf(item.value)) }
}

/** Of a block, the end of its last entry: the library's own end takes the lines after it along. */
function endOf(node: unknown): number {
  if ((isMap(node) || isSeq(node)) && node.flow !== true && node.items.length > 0)
    return stretchOf(node.items.at(-1)).to
  return (node as Node | null)?.range?.[1] ?? 0
}

/** Where a node begins, with its anchor or tag. */
export function startOf(node: unknown): number {
  const { range } = (node ?? {}) as Node
  return range?.[0] ?? 0
}

export type { Node, Pair, YAMLMap, YAMLSeq }
export { isMap, isSeq }

// Sets or removes one value of a rule in the text, and touches nothing else of it.
import { isScalar } from 'yaml'
import type { JsonValue } from '@mcpshield/policy/facts'
import { isMap, isSeq, removalOf, startOf, stretchOf } from './removals.ts'
import type { Node, Pair, YAMLMap, YAMLSeq } from './removals.ts'
import { textInYaml, valueInYaml } from './yaml-words.ts'

/** Where a new key goes: after those that stand before it here. */
const ORDER = ['id', 'description', 'method', 'tool', 'decision', 'timeout', 'conditions', 'limits', 'redact']

export function setInRule(text: string, rule: YAMLMap, path: string[], value: JsonValue | undefined): string {
  const { parent, key, rest } = descend(rule, path)
  const pair = pairOf(parent, key)
  if (value === undefined) return pair === undefined || rest.length > 0 ? text : removed(text, rule, path)
  const nested = rest.reduceRight<JsonValue>((inner, name) => ({ [name]: inner }), value)
  return pair === undefined ? inserted(text, parent, key, nested) : replaced(text, pair, nested)
}

/** As far down as there are maps. */
function descend(rule: YAMLMap, path: string[]): { parent: YAMLMap; key: string; rest: string[] } {
  let parent = rule
  for (const [i, key] of path.entries()) {
    const child = pairOf(parent, key)?.value
    if (i === path.length - 1 || !isMap(child)) return { parent, key, rest: path.slice(i + 1) }
    parent = child as YAMLMap
  }
  throw new RangeError('There is no such place.')
}

function pairOf(map: YAMLMap, key: string): Pair<Node, Node | null> | undefined {
  const pair = map.items.find((each) => isScalar(each.key) && each.key.value === key)
  return pair as Pair<Node, Node | null> | undefined
}

/** With the maps that would be left empty. */
function removed(text: string, rule: YAMLMap, path: string[]): string {
  let parent = rule
  let cut: { parent: YAMLMap; i: number } | undefined
  for (const key of path) {
    const i = parent.items.findIndex((each) => isScalar(each.key) && each.key.value === key)
    if (cut === undefined || parent.items.length > 1) cut = { parent, i }
    const child = parent.items[i]?.value
    if (isMap(child)) parent = child as YAMLMap
  }
  if (cut === undefined) return text
  return spliced(text, removalOf(text, cut.parent, cut.i))
}

function inserted(text: string, map: YAMLMap, key: string, value: JsonValue): string {
  const written = `${textInYaml(key)}: ${valueInYaml(value)}`
  const before = placeBefore(map, key)
  if (map.flow === true) return insertedFlow(text, map, before, written)
  const first = map.items[0]
  if (first === undefined) throw new RangeError('A block cannot be empty.')
  const start = stretchOf(first).from
  const column = start - (text.lastIndexOf('\n', start - 1) + 1)
  const margin = ' '.repeat(column)
  if (before === undefined) return spliced(text, { from: start, to: start, insert: `${written}\n${margin}` })
  const { to } = stretchOf(before)
  if (text[to - 1] === '\n') return spliced(text, { from: to, to, insert: `${margin}${written}\n` })
  const lineEnd = text.indexOf('\n', to)
  const at = lineEnd === -1 ? text.length : lineEnd
  return spliced(text, { from: at, to: at, insert: `\n${margin}${written}` })
}

function insertedFlow(text: string, map: YAMLMap, before: Pair | undefined, written: string): string {
  const from = startOf(map)
  if (map.items.length === 0)
    return spliced(text, { from, to: map.range?.[1] ?? from, insert: `{ ${written} }` })
  if (before !== undefined) {
    const { to } = stretchOf(before)
    return spliced(text, { from: to, to, insert: `, ${written}` })
  }
  const start = stretchOf(map.items[0]).from
  return spliced(text, { from: start, to: start, insert: `${written}, ` })
}

/** The entry after which a key belongs; the last one where its place is not known. */
function placeBefore(map: YAMLMap, key: string): Pair | undefined {
  const place = ORDER.indexOf(key)
  if (place === -1) return map.items.at(-1)
  const rank = (pair: Pair) => (isScalar(pair.key) ? ORDER.indexOf(String(pair.key.value)) : -1)
  return map.items.findLast((pair) => rank(pair) < place)
}

function replaced(text: string, { key, value: node }: Pair<Node, Node | null>, value: JsonValue): string {
  if (node === null || node.range === undefined || node.range === null || node.range[0] === node.range[1]) {
    const colon = text.indexOf(':', key.range?.[1] ?? 0) + 1
    return spliced(text, { from: colon, to: colon, insert: ` ${valueInYaml(value)}` })
  }
  if (isSeq(node) && Array.isArray(value)) return replacedList(text, node as YAMLSeq, value)
  const { from, to } = stretchOf(node)
  const lineEnd = text[to - 1] === '\n' ? '\n' : ''
  return spliced(text, { from, to, insert: scalarLike(node, value) + lineEnd })
}

/** In the quotes that were there. */
function scalarLike(node: Node, value: JsonValue): string {
  if (!isScalar(node) || typeof value !== 'string') return valueInYaml(value)
  if (node.type === 'QUOTE_SINGLE' && !/[\n\t]/.test(value)) return `'${value.replaceAll("'", "''")}'`
  return node.type === 'QUOTE_DOUBLE' ? JSON.stringify(value) : valueInYaml(value)
}

/** Entries that stay keep how they are written. */
function replacedList(text: string, list: YAMLSeq, value: JsonValue[]): string {
  const sources = new Map<string, string>()
  for (const item of list.items) {
    const { from, to } = stretchOf(item)
    sources.set(JSON.stringify((item as { toJSON?: () => unknown }).toJSON?.() ?? null), text.slice(from, to))
  }
  const entries = value.map((each) => sources.get(JSON.stringify(each)) ?? valueInYaml(each))
  const { from, to } = stretchOf(list)
  if (list.flow === true || value.length === 0)
    return spliced(text, { from, to, insert: `[${entries.join(', ')}]` })
  const dash = text.lastIndexOf('-', stretchOf(list.items[0]).from - 1)
  const margin = ' '.repeat(dash - (text.lastIndexOf('\n', dash) + 1))
  return spliced(text, { from: dash, to, insert: entries.map((each) => `- ${each}`).join(`\n${margin}`) })
}

function spliced(text: string, change: { from: number; to: number; insert: string }): string {
  return text.slice(0, change.from) + change.insert + text.slice(change.to)
}

// YAML: one entry of a map in the file's first level is put in as lines of its own, and no other line is touched.
import { isMap, isPair, isScalar, parseDocument, stringify, type Pair, type Range, type YAMLMap } from 'yaml'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Editor } from './config-text.ts'

export const yamlText: Editor = { parse, set, remove }

function documentOf(text: string) {
  const document = parseDocument(text, { uniqueKeys: true })
  const [first] = document.errors
  if (first !== undefined) throw new Error(first.message.split('\n')[0])
  return document
}

function parse(text: string): unknown {
  return documentOf(text).toJS() as unknown
}

function set(text: string, [list, name]: readonly string[], entry: JsonObject): string {
  if (list === undefined || name === undefined) throw new Error('this is no place in a YAML file')
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  const root = documentOf(text).contents
  if (root === null) return `${ended(text, end)}${block({ [list]: { [name]: entry } }, 0, end)}`
  if (!isMap(root) || root.flow) throw new Error('its first level is not written over lines')
  const pair = pairOf(root, list)
  if (pair === undefined) return `${ended(text, end)}${block({ [list]: { [name]: entry } }, 0, end)}`
  const entries = pair.value
  if (!isMap(entries) || entries.flow) {
    if (!isEmpty(entries)) throw new Error(`${list} is not written over lines`)
    const [from, to] = entries === null ? [0, 0] : rangeOf(entries)
    return afterKey(text.slice(0, from) + text.slice(to), pair, block({ [name]: entry }, 2, end), end)
  }
  const indent = columnOf(text, rangeOf(entries.items[0]?.key)[0])
  const lines = block({ [name]: entry }, indent, end)
  const ours = pairOf(entries, name)
  if (ours === undefined) return afterKey(text, pair, lines, end)
  const { from, to } = linesOf(text, ours)
  return text.slice(0, from) + lines + text.slice(to)
}

function remove(text: string, [list, name]: readonly string[]): string {
  const root = documentOf(text).contents
  const pair = isMap(root) ? pairOf(root, list ?? '') : undefined
  const entries = pair?.value
  if (pair === undefined || !isMap(entries) || entries.flow) throw new Error('it is not written over lines')
  const ours = pairOf(entries, name ?? '')
  if (ours === undefined) return text
  const { from, to } = linesOf(text, ours)
  const without = text.slice(0, from) + text.slice(to)
  if (entries.items.length > 1) return without
  const key = rangeOf(pair.key)[1]
  const colon = text.indexOf(':', key) + 1
  return `${without.slice(0, colon)} {}${without.slice(colon)}`
}

/** Nothing at all, `null`, or `{}`. */
const isEmpty = (node: unknown) =>
  node === null || (isMap(node) && node.items.length === 0) || (isScalar(node) && node.value === null)

const pairOf = (map: YAMLMap, name: string): Pair | undefined =>
  map.items.find(({ key }) => isScalar(key) && key.value === name)

function rangeOf(node: unknown): Range {
  const range =
    typeof node === 'object' && node !== null && !isPair(node) ? (node as { range?: Range }).range : null
  if (!range) throw new Error('a part of it has no place')
  return range
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1)
}

function ended(text: string, end: string): string {
  return text === '' || text.endsWith('\n') ? text : text + end
}

function block(value: JsonObject, indent: number, end: string): string {
  const lines = stringify(value, { lineWidth: 0 }).trimEnd().split('\n')
  return lines.map((line) => `${' '.repeat(indent)}${line}${end}`).join('')
}

/** Below the line with the key, before what is there already. */
function afterKey(text: string, pair: Pair, lines: string, end: string): string {
  const line = text.indexOf('\n', rangeOf(pair.key)[1])
  return line < 0 ? `${text}${end}${lines}` : text.slice(0, line + 1) + lines + text.slice(line + 1)
}

/** From the beginning of the key's line to the end of the value's last, without comments that follow. */
function linesOf(text: string, { key, value }: Pair): { from: number; to: number } {
  const from = text.lastIndexOf('\n', rangeOf(key)[0] - 1) + 1
  const last = value === null ? rangeOf(key)[1] : rangeOf(value)[1]
  const content = text.slice(0, last).trimEnd().length
  const line = text.indexOf('\n', content)
  return { from, to: line < 0 ? text.length : line + 1 }
}

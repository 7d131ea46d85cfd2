// JSON that people write by hand, with comments and trailing commas: one member is put in, and nothing else is touched.
import jsonc, { type Node, type ParseError } from 'jsonc-parser'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Editor } from './config-text.ts'

const OPTIONS = { allowTrailingComma: true, allowEmptyContent: true }

export const jsonText: Editor = { parse, set, remove }

function parse(text: string): unknown {
  const errors: ParseError[] = []
  const value = jsonc.parse(text, errors, OPTIONS) as unknown
  const [first] = errors
  if (first !== undefined)
    throw new Error(
      `${jsonc.printParseErrorCode(first.error)} in line ${text.slice(0, first.offset).split('\n').length}`,
    )
  return value
}

function set(text: string, path: readonly string[], entry: JsonObject): string {
  const root = jsonc.parseTree(text, [], OPTIONS)
  if (root === undefined) {
    const end = lineEnd(text)
    // Not behind a comment that has no end of its own.
    const before = text === '' || text.endsWith('\n') ? text : text + end
    return `${before}${written(nested(path, entry), '', '  ', end)}${end}`
  }
  const existing = jsonc.findNodeAtLocation(root, [...path])
  if (existing !== undefined) return replaced(text, existing, entry)
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const parent = depth === 0 ? root : jsonc.findNodeAtLocation(root, path.slice(0, depth))
    if (parent === undefined) continue
    const value = nested(path.slice(depth + 1), entry)
    return parent.type === 'null'
      ? replaced(text, parent, { [path[depth] as string]: value })
      : inserted(text, parent, path[depth] as string, value)
  }
  throw new Error('the file is no object')
}

/** With the comma that it needed, and with its line; comments stay, whoever's they are. */
function remove(text: string, path: readonly string[]): string {
  const root = jsonc.parseTree(text, [], OPTIONS)
  const member = (root && jsonc.findNodeAtLocation(root, [...path]))?.parent
  const all = member?.parent?.children
  if (member === undefined || all === undefined) throw new Error('it is not there')
  const after = member.offset + member.length
  const { comma, commaAt } = endOfMember(text, after)
  const before = all[all.indexOf(member) - 1]
  const isLast = all.at(-1) === member
  const line = /\r?\n[ \t]*$/.exec(text.slice(0, member.offset))?.[0].length ?? 0
  const end = comma ? commaAt + 1 : after
  // Comments between it and its comma.
  const between = comma ? text.slice(after, commaAt).trim() : ''
  const head = text.slice(0, member.offset - line)
  const rest = between + text.slice(end)
  if (!isLast || comma || before === undefined)
    return line === 0 ? head + rest.replace(/^[ \t]+/, '') : head + rest
  const previous = endOfMember(text, before.offset + before.length).commaAt
  const behind = head.slice(previous + 1)
  return head.slice(0, previous) + (line === 0 ? behind.replace(/[ \t]+$/, '') : behind) + rest
}

const nested = (path: readonly string[], entry: JsonObject): JsonObject =>
  path.reduceRight<JsonObject>((value, name) => ({ [name]: value }), entry)

const lineEnd = (text: string) => (text.includes('\r\n') ? '\r\n' : '\n')

/** A value over several lines, of which the first stands where it is put. */
function written(value: JsonObject, indent: string, unit: string, end: string): string {
  return JSON.stringify(value, null, unit).replaceAll('\n', end + indent)
}

function replaced(text: string, node: Node, value: JsonObject): string {
  const indent = indentOf(text, node.parent?.offset ?? node.offset)
  const unit = unitOf(text, node.parent?.parent, indent)
  return (
    text.slice(0, node.offset) +
    written(value, indent, unit, lineEnd(text)) +
    text.slice(node.offset + node.length)
  )
}

/** What the line begins with that holds this place. */
function indentOf(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? ''
}

/** How much deeper what is in the object is than the line where it begins; two spaces where that cannot be told. */
function unitOf(text: string, object: Node | undefined, inner: string): string {
  const outer = object === undefined ? '' : indentOf(text, object.offset)
  return inner.length > outer.length && inner.startsWith(outer) ? inner.slice(outer.length) : '  '
}

/** After the last member, and after the comment that stands beside it. */
function inserted(text: string, object: Node, name: string, value: JsonObject): string {
  if (object.type !== 'object') throw new Error(`something else is where ${name} would be`)
  const last = object.children?.at(-1)
  const end = lineEnd(text)
  const outer = indentOf(text, object.offset)
  if (last === undefined) {
    const unit = outer === '' ? '  ' : firstUnit(text)
    const member = `${outer}${unit}${JSON.stringify(name)}: ${written(value, outer + unit, unit, end)}`
    const inside = text.slice(object.offset + 1, object.offset + object.length - 1)
    const rest = inside.trim() === '' ? `${end}${outer}` : inside
    return `${text.slice(0, object.offset + 1)}${end}${member}${rest}${text.slice(object.offset + object.length - 1)}`
  }
  const after = last.offset + last.length
  const isOneLine = !text.slice(object.offset, last.offset).includes('\n')
  if (isOneLine)
    return `${text.slice(0, after)}, ${JSON.stringify(name)}: ${JSON.stringify(value)}${text.slice(after)}`
  const inner = indentOf(text, last.offset)
  const unit = unitOf(text, object, inner)
  const { comma, place } = endOfMember(text, after)
  const member = `${inner}${JSON.stringify(name)}: ${written(value, inner, unit, end)}`
  const before = comma ? text.slice(0, place) : `${text.slice(0, after)},${text.slice(after, place)}`
  return `${before}${end}${member}${comma ? ',' : ''}${text.slice(place)}`
}

/** How deep the first member of the file is. */
function firstUnit(text: string): string {
  return /\n([ \t]+)["/]/.exec(text)?.[1] ?? '  '
}

/** Whether a comma follows the last member, and the end of what is about it on its line. */
function endOfMember(text: string, after: number): { comma: boolean; commaAt: number; place: number } {
  const [, beforeComma = '', commaText = ''] =
    /^((?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)*)(,?)/.exec(text.slice(after)) ?? []
  const comma = commaText === ','
  const from = comma ? after + beforeComma.length + 1 : after
  const beside = /^[ \t]*(?:\/\/[^\r\n]*|\/\*[^\r\n]*?\*\/[ \t]*(?=\r?\n))?/.exec(text.slice(from))?.[0] ?? ''
  const place = from + (beside.trim() === '' ? 0 : beside.trimEnd().length)
  return { comma, commaAt: after + beforeComma.length, place }
}

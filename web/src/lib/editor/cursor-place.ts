// Where in the document a cursor stands: the path of the map or value there, also in a text that is not finished.
import { isMap, isPair, isScalar, isSeq, visit } from 'yaml'
import type { JsonPath } from '@mcpshield/policy/yaml-document'
import { parse } from './removals.ts'

export type CursorPlace = {
  /** Of the map whose key is typed, or of the value that is. */
  path: JsonPath
  part: 'key' | 'value'
  /** A key that stands alone may as well be a value that is begun. */
  alone: boolean
  /** Keys that are there already. */
  present: string[]
  /** Where the word at the cursor begins. */
  from: number
  /** Whether the place is inside brackets or braces. */
  flow: boolean
  /** Whether it is inside quotes. */
  quoted: boolean
  /** Spaces before the key, or before the line's text. */
  indent: number
}

const MARKER = 'cUrSoRhErE'
const WORD = /[^\s,[\]{}"'#:]*$/

export function cursorPlace(text: string, at: number): CursorPlace | undefined {
  const lineStart = text.lastIndexOf('\n', at - 1) + 1
  const before = text.slice(lineStart, at)
  if (/(^|\s)#/.test(before.replace(/"[^"]*"|'[^']*'/g, ''))) return undefined
  const from = at - (WORD.exec(before)?.[0].length ?? 0)
  const rest = /^[^\n]*/.exec(text.slice(at))?.[0] ?? ''
  const isKeyLine = /^\s*(- +)*[^\s:#"']*$/.test(before) && rest.trim() === ''
  const marked = text.slice(0, at) + MARKER + (isKeyLine ? ':' : '') + text.slice(at)
  const found = findMarker(marked)
  if (found === undefined) return undefined
  const indent = /^[\s-]*/.exec(before)?.[0].length ?? 0
  return { ...found, from, indent }
}

type Found = Omit<CursorPlace, 'from' | 'indent'>

function findMarker(marked: string): Found | undefined {
  let found: Found | undefined
  visit(parse(marked), {
    Scalar: (key, node, ancestors) => {
      if (typeof node.value !== 'string' || !node.value.includes(MARKER)) return undefined
      const path = pathOf(ancestors, node)
      const parent = ancestors.findLast((each) => isMap(each) || isSeq(each))
      const flow = parent?.flow === true
      const quoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE'
      if (key !== 'key') found = { path, part: 'value', alone: false, present: [], flow, quoted }
      else if (isMap(parent)) {
        const present = parent.items.flatMap((pair) =>
          isScalar(pair.key) && pair.key !== node ? [String(pair.key.value)] : [],
        )
        found = { path, part: 'key', alone: present.length === 0, present, flow, quoted }
      }
      return visit.BREAK
    },
  })
  return found
}

function pathOf(ancestors: readonly unknown[], node: unknown): (string | number)[] {
  const path: (string | number)[] = []
  ancestors.forEach((each, i) => {
    const child = ancestors[i + 1] ?? node
    if (isSeq(each)) path.push(each.items.indexOf(child))
    else if (isPair(each) && each.value === child && isScalar(each.key)) path.push(String(each.key.value))
  })
  return path
}

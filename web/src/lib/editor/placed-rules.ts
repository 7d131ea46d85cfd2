// The rules of a text with their places, also of a text that has mistakes: for lists and forms beside the editor.
import { isAlias, isScalar, visit, type Document } from 'yaml'
import { DecisionWord } from '@mcpshield/policy/schema'
import type { PlacedRule, RuleValue } from './checked.ts'
import { isMap, isSeq, parse, startOf, type Node } from './removals.ts'

export function placedRules(text: string): PlacedRule[] {
  const document = parse(text)
  const lines = lineCounter(text)
  return ruleNodes(document).map((node, index) => placed(lines, document, node, index))
}

/** The plain values of one rule; undefined where it is no map, or is not there. */
export function ruleValue(text: string, index: number): RuleValue | undefined {
  const document = parse(text)
  const node = ruleNodes(document)[index]
  return node === undefined ? undefined : valueOf(document, node)
}

function ruleNodes({ contents }: Document): Node[] {
  const rules = isMap(contents) ? contents.get('rules') : undefined
  return isSeq(rules) ? (rules.items as Node[]) : []
}

function placed(
  lineOf: (offset: number) => number,
  document: Document,
  node: Node,
  index: number,
): PlacedRule {
  const from = startOf(node)
  const place = { index, from, to: node.range?.[1] ?? from, line: lineOf(from) }
  const value = valueOf(document, node)
  if (value === undefined) {
    const beyondForm = 'It is not a map of keys.'
    return { ...place, id: `rule-${index + 1}`, decision: undefined, tools: [], beyondForm }
  }
  const decision = DecisionWord.safeParse(value['decision'])
  const beyondForm = usesAnchors(node)
    ? 'It uses an anchor or an alias, which other parts of the text may share.'
    : undefined
  return {
    ...place,
    id: typeof value['id'] === 'string' ? value['id'] : `rule-${index + 1}`,
    decision: decision.data,
    tools: textsOf(value['tool']),
    ...(beyondForm === undefined ? {} : { beyondForm }),
  }
}

function valueOf(document: Document, node: Node): RuleValue | undefined {
  if (!isMap(node)) return undefined
  try {
    return node.toJS(document) as RuleValue
  } catch {
    return undefined
  }
}

/** One text or a list of them, as a list. */
export function textsOf(value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.filter((each) => typeof each === 'string')
}

function usesAnchors(node: Node): boolean {
  let found = false
  visit(node as never, {
    Node: (_, each) => {
      if (!isAlias(each) && !(isScalar(each) || isMap(each) || isSeq(each))) return undefined
      if (!isAlias(each) && (each as { anchor?: string }).anchor === undefined) return undefined
      found = true
      return visit.BREAK
    },
  })
  return found
}

/** Of offsets that only grow, so that a long text is counted once. */
function lineCounter(text: string): (offset: number) => number {
  let line = 1
  let next = text.indexOf('\n')
  return (offset) => {
    while (next !== -1 && next < offset) {
      line++
      next = text.indexOf('\n', next + 1)
    }
    return line
  }
}

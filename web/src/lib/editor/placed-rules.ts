// The rules of a text with their places, also of a text that has mistakes: for lists and forms beside the editor.
import { isAlias, isScalar, visit, type Document } from 'yaml'
import { DecisionWord } from '@mcpshield/policy/schema'
import type { PlacedRule } from './checked.ts'
import { isMap, isSeq, parse, startOf, type Node } from './removals.ts'

/** What the form has fields for, by the rule's keys; everything else it keeps as it is. */
export function placedRules(text: string): PlacedRule[] {
  const document = parse(text)
  if (!isMap(document.contents)) return []
  const rules = document.contents.get('rules')
  if (!isSeq(rules)) return []
  return rules.items.map((item, index) => placed(text, document, item as Node, index))
}

function placed(text: string, document: Document, node: Node, index: number): PlacedRule {
  const from = startOf(node)
  const place = { index, from, to: node.range?.[1] ?? from, line: lineOf(text, from) }
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
    value,
    ...(beyondForm === undefined ? {} : { beyondForm }),
  }
}

function valueOf(document: Document, node: Node): Record<string, unknown> | undefined {
  if (!isMap(node)) return undefined
  try {
    return node.toJS(document) as Record<string, unknown>
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

function lineOf(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++
  return line
}

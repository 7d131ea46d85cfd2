// Changes of single rules in a text, made where they stand: comments, order and spacing of everything else stay. What
// comes out is read again and held against the change as the YAML library makes it; where the two differ, the library's
// text is taken, which keeps comments but not all spacing.
import { sameValues } from './same-values.ts'
import type { JsonValue } from '@mcpshield/policy/facts'
import { isMap, isSeq, parse, type YAMLMap, type YAMLSeq } from './removals.ts'
import { addedTo, movedIn, removedFrom } from './rule-list.ts'
import { setInRule } from './rule-keys.ts'

export type RuleSetting = { path: string[]; value: JsonValue | undefined }
export type RuleChange =
  | { type: 'set'; index: number; settings: RuleSetting[] }
  | { type: 'remove'; index: number }
  | { type: 'move'; index: number; to: number }
  /** The lines of a rule or a test, as they stand after the dash; at the end when no place is given. */
  | { type: 'add'; yaml: string; at?: number; list?: 'rules' | 'tests' }
export type ChangeInput = { text: string; change: RuleChange }

export function changeRule({ text, change }: ChangeInput): { text: string } | { problem: string } {
  try {
    const meant = changedDocument(text, change)
    const made = attempt(() => changedText(text, change))
    if (made !== undefined && sameValues(valuesOf(made), meant.values)) return { text: made }
    return sameValues(valuesOf(meant.text), meant.values) ? { text: meant.text } : CANNOT
  } catch {
    return CANNOT
  }
}

const CANNOT = { problem: 'This cannot be changed by the form as it is written. Change it in the text.' }

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

function valuesOf(text: string): unknown {
  const document = parse(text)
  if (document.errors.length > 0) return undefined
  return document.toJS()
}

function changedText(text: string, change: RuleChange): string {
  switch (change.type) {
    case 'set':
      return change.settings.reduce(
        (now, { path, value }) => setInRule(now, ruleAt(now, change.index), path, value),
        text,
      )
    case 'remove':
      return removedFrom(text, rulesOf(text), change.index)
    case 'move':
      return movedIn(text, rulesOf(text), change.index, change.to)
    case 'add':
      return addedTo(text, change.yaml, change.list, change.at)
  }
}

function rulesOf(text: string): YAMLSeq {
  const { contents } = parse(text)
  const rules = isMap(contents) ? contents.get('rules') : undefined
  if (!isSeq(rules)) throw new TypeError('There are no rules.')
  return rules
}

function ruleAt(text: string, index: number): YAMLMap {
  const rule = rulesOf(text).items[index]
  if (!isMap(rule)) throw new TypeError('This rule is no map of keys.')
  return rule as YAMLMap
}

/** The change by the library's means: what must come out, and a text that does. */
function changedDocument(text: string, change: RuleChange): { values: unknown; text: string } {
  const document = parse(text)
  if (document.errors.length > 0) throw new TypeError('The text cannot be read.')
  if (change.type === 'set') {
    for (const { path, value } of change.settings) {
      const at = ['rules', change.index, ...path]
      if (value !== undefined) document.setIn(at, document.createNode(value, { flow: true }))
      else if (document.hasIn(at)) {
        document.deleteIn(at)
        removeEmpty(document, at.slice(0, -1))
      }
    }
  } else if (change.type === 'add') {
    const rule = parse(change.yaml).contents
    if (document.contents === null) document.contents = document.createNode({ version: 1 }) as never
    const { list = 'rules' } = change
    const rules = document.get(list)
    if (!isSeq(rules)) document.set(list, document.createNode([rule]))
    else rules.items.splice(change.at ?? rules.items.length, 0, rule)
  } else {
    const rules = document.get('rules') as YAMLSeq
    if (change.index >= rules.items.length) throw new RangeError('There is no such rule.')
    const [rule] = rules.items.splice(change.index, 1)
    if (change.type === 'move') rules.items.splice(change.to, 0, rule)
  }
  return { values: document.toJS(), text: document.toString({ lineWidth: 0 }) }
}

/** A map that lost its last key goes too, up to the rule itself. */
function removeEmpty(document: ReturnType<typeof parse>, at: (string | number)[]): void {
  if (at.length <= 2) return
  const map = document.getIn(at)
  if (!isMap(map) || map.items.length > 0) return
  document.deleteIn(at)
  removeEmpty(document, at.slice(0, -1))
}

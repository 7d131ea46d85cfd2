// A policy's text with a proposal's changes in it. What was there stays as it was written, comments too; where a new rule
// stands is decided here: what denies or asks goes to the top, what allows to the end, so that no order opens anything.
import { isDeepStrictEqual } from 'node:util'
import {
  isMap,
  isScalar,
  isSeq,
  parse,
  parseDocument,
  stringify,
  visit,
  type Document,
  type YAMLSeq,
} from 'yaml'
import type { Proposal } from './proposal.ts'

export type ComposedTest = Proposal['tests'][number]

const EMPTY = 'version: 1\ndefault: deny\nrules: []\n'
const MAX_ALIASES = 100

/** The new text. A text that cannot be read begins anew, as its problems would be all there is to say. */
export function compose(text: string, proposal: Proposal, tests: readonly ComposedTest[]): string {
  const document = readable(text)
  if (proposal.default !== undefined) document.set('default', proposal.default)
  const rules = listAt(document, 'rules')
  const gone = new Set(proposal.remove.filter((id) => !proposal.rules.some((rule) => rule.id === id)))
  rules.items = rules.items.filter((item, i) => !gone.has(idOf(item, i)))
  // A comment above the list is one of its first rule, which may not stay the first.
  const [first] = rules.items
  if (isMap(first) && typeof rules.commentBefore === 'string') {
    first.commentBefore = rules.commentBefore
    delete rules.commentBefore
  }
  // One after the other at the top: the first of them stays the first.
  let top = 0
  for (const rule of proposal.rules) {
    const node = written(document, ordered(rule))
    const at = rules.items.findIndex((item, i) => idOf(item, i) === rule.id)
    if (at !== -1) rules.items[at] = node
    else if (rule['decision'] === 'allow') rules.items.push(node)
    else rules.items.splice(top++, 0, node)
  }
  rules.flow = false
  if (tests.length > 0) addTests(document, tests)
  return withOldLines(document.toString({ lineWidth: 0, flowCollectionPadding: false }), text)
}

/** As people write it: a list of names on one line. */
function written(document: Document, value: object) {
  const node = document.createNode(value)
  visit(node, {
    Seq: (_key, list) => void (list.flow = list.items.every(isScalar)),
  })
  return node
}

/** Lines that are the same but for blanks are left as they were written, so that a diff shows what changed. */
function withOldLines(text: string, old: string): string {
  const bare = (line: string) => `${line.search(/\S/)} ${line.replace(/\s+/g, '')}`
  const known = new Map(old.split('\n').map((line) => [bare(line), line.trimEnd()]))
  const kept = text
    .split('\n')
    .map((line) => known.get(bare(line)) ?? line)
    .join('\n')
  // Blanks in quotes are no layout.
  return isDeepStrictEqual(parse(kept), parse(text)) ? kept : text
}

function readable(text: string): Document {
  const document = parseDocument(text)
  if (document.errors.length > 0 || !isMap(document.contents)) return parseDocument(EMPTY)
  let aliases = false
  visit(document, { Alias: () => ((aliases = true), visit.BREAK) })
  return aliases ? expanded(text) : document
}

/** What an alias names may be taken away: then each is written out. */
function expanded(text: string): Document {
  try {
    const value: unknown = parse(text, { maxAliasCount: MAX_ALIASES })
    return parseDocument(stringify(value, { aliasDuplicateObjects: false }))
  } catch {
    return parseDocument(EMPTY)
  }
}

function listAt(document: Document, key: string): YAMLSeq {
  const found = document.get(key)
  if (isSeq(found)) return found
  const made = document.createNode([]) as YAMLSeq
  document.set(key, made)
  return made
}

function idOf(item: unknown, index: number): string {
  const id: unknown = isMap(item) ? item.get('id') : undefined
  return typeof id === 'string' ? id : `rule-${index + 1}`
}

const ORDER = ['id', 'description', 'method', 'tool', 'decision', 'conditions', 'limits', 'redact', 'timeout']

/** As people write them, and without what is empty. */
function ordered(rule: Record<string, unknown>): Record<string, unknown> {
  const place = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length)
  return Object.fromEntries(
    Object.entries(rule)
      .filter(([, value]) => !isEmpty(value))
      .sort(([a], [b]) => place(a) - place(b)),
  )
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** A test of a name that is there takes its place. */
function addTests(document: Document, tests: readonly ComposedTest[]): void {
  const list = listAt(document, 'tests')
  list.flow = false
  for (const { name, tool, arguments: args, expect, context } of tests) {
    const call = { tool, arguments: args, ...(context === undefined ? {} : { context }) }
    const node = written(document, { name, call, expect })
    const at = list.items.findIndex((item) => isMap(item) && item.get('name') === name)
    if (at === -1) list.items.push(node)
    else list.items[at] = node
  }
}

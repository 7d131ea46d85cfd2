// Rules added, removed and moved in the text, each with the comment lines right above it.
import { isMap, isSeq, parse, removalOf, startOf, stretchOf } from './removals.ts'
import type { YAMLSeq } from './removals.ts'
import type { Stretch } from './removals.ts'

export function removedFrom(text: string, rules: YAMLSeq, index: number): string {
  if (rules.flow === true) {
    const { from, to } = removalOf(text, rules, index)
    return text.slice(0, from) + text.slice(to)
  }
  const { from, to } = blockOf(text, rules, index)
  if (rules.items.length > 1) {
    const blank = /^\n*/.exec(text.slice(to))?.[0].length ?? 0
    const isLast = index === rules.items.length - 1
    return text.slice(0, from) + text.slice(isLast ? to : to + blank)
  }
  const colon = text.lastIndexOf(':', from)
  return text.slice(0, colon + 1) + ' []' + text.slice(colon + 1, from) + text.slice(to)
}

export function movedIn(text: string, rules: YAMLSeq, index: number, to: number): string {
  if (Math.abs(index - to) !== 1) throw new RangeError('A rule moves by one place.')
  const [a, b] = [Math.min(index, to), Math.max(index, to)]
  if (rules.flow === true) {
    const [first, second] = [stretchOf(rules.items[a]), stretchOf(rules.items[b])]
    return swapped(text, first, second)
  }
  const ended = text.endsWith('\n') ? text : `${text}\n`
  return swapped(ended, blockOf(ended, rules, a), blockOf(ended, rules, b))
}

function swapped(text: string, first: Stretch, second: Stretch): string {
  return (
    text.slice(0, first.from) +
    text.slice(second.from, second.to) +
    text.slice(first.to, second.from) +
    text.slice(first.from, first.to) +
    text.slice(second.to)
  )
}

export function addedTo(text: string, yaml: string, list: ListName = 'rules', at?: number): string {
  const { contents } = parse(text)
  if (!isMap(contents))
    return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}version: 1\n${list}:\n${lines(yaml, '  ')}`
  const rules = contents.get(list)
  if (!isSeq(rules) || rules.items.length === 0) return begun(text, contents, yaml, list)
  const seq = rules as YAMLSeq
  if (seq.flow === true) throw new TypeError('A list in brackets is written anew.')
  const margin = marginOf(text, seq)
  const index = at ?? seq.items.length
  const spaced = seq.items.length > 1 && /\n[ \t]*\n/.test(between(text, seq))
  const written = lines(yaml, margin)
  if (index < seq.items.length) {
    const { from } = blockOf(text, seq, index)
    return text.slice(0, from) + written + (spaced ? '\n' : '') + text.slice(from)
  }
  const { to } = blockOf(text, seq, index - 1)
  const before = text.slice(0, to)
  return before + (before.endsWith('\n') ? '' : '\n') + (spaced ? '\n' : '') + written + text.slice(to)
}

type ListName = 'rules' | 'tests'
type TopPair = { key: { value?: unknown }; value: unknown }

/** The first entry of a list that has none. */
function begun(text: string, map: { items: unknown[] }, yaml: string, list: ListName): string {
  const pairs = map.items as TopPair[]
  const begunList = pairs.find(({ key }) => key.value === list)
  if (begunList !== undefined) return filled(text, begunList, yaml)
  const tests = list === 'tests' ? undefined : pairs.find(({ key }) => key.value === 'tests')
  const at = tests === undefined ? text.length : stretchOf(tests.key).from
  const before = text.slice(0, at)
  const lineEnd = before.endsWith('\n') ? '' : '\n'
  const gap = list === 'tests' ? '\n' : ''
  const after = tests === undefined ? '' : '\n'
  return `${before}${lineEnd}${gap}${list}:\n${lines(yaml, '  ')}${after}${text.slice(at)}`
}

/** In the place of `[]`, or of nothing. */
function filled(text: string, { key, value }: TopPair, yaml: string): string {
  const colon = text.indexOf(':', stretchOf(key).to)
  const end = value === null ? colon + 1 : Math.max(stretchOf(value).to, colon + 1)
  return `${text.slice(0, colon + 1)}\n${lines(yaml, '  ').trimEnd()}${text.slice(end)}`
}

function lines(yaml: string, margin: string): string {
  return `${margin}- ${yaml.trimEnd().replaceAll('\n', `\n${margin}  `)}\n`
}

function marginOf(text: string, rules: YAMLSeq): string {
  const dash = text.lastIndexOf('-', startOf(rules.items[0]) - 1)
  return ' '.repeat(dash - (text.lastIndexOf('\n', dash) + 1))
}

function between(text: string, rules: YAMLSeq): string {
  const [first, second] = [blockOf(text, rules, 0), blockOf(text, rules, 1)]
  return text.slice(first.to - 1, second.from)
}

/** The whole lines of a rule, with the comment lines right above it. */
function blockOf(text: string, rules: YAMLSeq, index: number): Stretch {
  const stretch = stretchOf(rules.items[index])
  const dash = text.lastIndexOf('-', stretch.from - 1)
  let from = text.lastIndexOf('\n', dash) + 1
  while (from > 0) {
    const above = text.lastIndexOf('\n', from - 2) + 1
    if (!/^[ \t]*#/.test(text.slice(above, from))) break
    from = above
  }
  const endsLine = text[stretch.to - 1] === '\n'
  const lineEnd = endsLine ? stretch.to - 1 : text.indexOf('\n', stretch.to)
  return { from, to: lineEnd === -1 ? text.length : lineEnd + 1 }
}

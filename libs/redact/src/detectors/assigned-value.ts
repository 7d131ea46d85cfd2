// Reads what is assigned to a name: where the value starts, how it is written, and where it ends. All steps are
// bounded; nothing here judges the value.
import type { HowWritten } from '../secret-values.ts'

export type AssignedValue = { start: number; end: number; how: HowWritten }

const MAX_VALUE = 16_384
const MAX_ELEMENT = 512
/** Between a name and its value. Each alternative is bounded, and none can match the same text in two ways. */
const ASSIGNMENT =
  /\\?["'`]?\]?[ \t]{0,16}(?::=|=>|={1,3}|:|->|%3D|%3A|\\u003d)[ \t]{0,16}(?:\r?\n[ \t]{1,16}(?=["']))?/iy
/** `"name": "PASSWORD", "value": "…"`, `key="password" value="…"`, and the same on two lines of YAML. */
const NAMED_PAIR = /\\?["']?,?[ \t]{0,8}\r?\n?[ \t]{0,32}\\?["']?value\\?["']?[ \t]{0,8}[:=][ \t]{0,8}/iy
const SAID =
  / (?:is|was|are|will be|to|set to|reads)(?: now| set to| changed to| reset to)?:? (?=["'`]?[^\s"'`])/iy
const SQL = /[ \t]{1,4}(?:by[ \t]{1,4})?(?=['"])/iy
const ENDS_BARE = /[\s"<>`]/
/** After one of `,;&` these show that the value has ended: space, the end, a quote, or the next assignment. */
const NEXT_PAIR = /[,;&](?:amp;)?(?:\s|$|["'}\])]|[\w .-]{1,40}[=:])/y

/** Reads the value assigned to the name between `nameStart` and `nameEnd`, or undefined if nothing is. */
export function readValue(text: string, nameStart: number, nameEnd: number): AssignedValue | undefined {
  if (text[nameEnd] === '>' && text[nameStart - 1] === '<') return readElement(text, nameEnd + 1)
  const assigned = after(ASSIGNMENT, text, nameEnd)
  if (assigned !== -1) {
    const value = readWritten(text, assigned, 'bare', text[nameStart - 1])
    // `password === confirmation` compares two variables.
    return value?.how === 'bare' && text.slice(nameEnd, assigned).includes('==') ? undefined : value
  }
  const paired = after(NAMED_PAIR, text, nameEnd)
  if (paired !== -1) return readWritten(text, paired, 'bare')
  if (isOption(text, nameStart) && (text[nameEnd] === ' ' || text[nameEnd] === '\t'))
    return readOption(text, nameEnd + 1)
  const quoted = after(SQL, text, nameEnd)
  if (quoted !== -1) return readWritten(text, quoted, 'said')
  const said = after(SAID, text, nameEnd)
  if (said !== -1) return readWritten(text, said, 'said')
  if (text[nameEnd] === '(' && /["']/.test(text[nameEnd + 1] ?? ''))
    return readWritten(text, nameEnd + 1, 'said')
  return readNetrc(text, nameStart, nameEnd)
}

function after(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : -1
}

/** `<password>…</password>` */
function readElement(text: string, start: number): AssignedValue | undefined {
  const length = text.slice(start, start + MAX_ELEMENT).search(/[<\r\n]/)
  return length < 1 || !text.startsWith('</', start + length)
    ? undefined
    : { start, end: start + length, how: 'quoted' }
}

function isOption(text: string, nameStart: number): boolean {
  return text[nameStart] === '-' && /[\s"']|^$/.test(text[nameStart - 1] ?? ' ')
}

function readOption(text: string, start: number): AssignedValue | undefined {
  return text[start] === '-' ? undefined : readWritten(text, start, 'bare')
}

/** `machine host login name password …` */
function readNetrc(text: string, nameStart: number, nameEnd: number): AssignedValue | undefined {
  if (text[nameEnd] !== ' ' && text[nameEnd] !== '\n') return undefined
  const before = text.slice(Math.max(0, nameStart - 96), nameStart)
  return before.includes('login') && /\blogin\s\S+\s+$/.test(before)
    ? readWritten(text, nameEnd + 1, 'bare')
    : undefined
}

function readWritten(
  text: string,
  start: number,
  how: HowWritten,
  quoteBeforeName = '',
): AssignedValue | undefined {
  const escaped = text[start] === '\\' && /["']/.test(text[start + 1] ?? '')
  const open = escaped ? start + 1 : start
  const quote = text[open]
  if (quote === '"' || quote === "'" || quote === '`') {
    const end = quotedEnd(text, open + 1, quote, escaped)
    return end <= open + 1 ? undefined : { start: open + 1, end, how: how === 'said' ? 'said' : 'quoted' }
  }
  const end = bareEnd(text, start, quoteBeforeName)
  return end === start ? undefined : { start, end, how }
}

/** The closing quote; a value that is cut off ends with its line. */
function quotedEnd(text: string, start: number, quote: string, escaped: boolean): number {
  const limit = Math.min(text.length, start + MAX_VALUE)
  for (let i = start; i < limit; i++) {
    const character = text[i]
    if (character === '\n' && quote !== '`') return i
    if (character === '\\') {
      if (escaped && text[i + 1] === quote) return i
      i++
    } else if (character === quote && !escaped) return i
    else if (escaped && character === quote) return i
  }
  return limit
}

function bareEnd(text: string, start: number, quoteBeforeName: string): number {
  const limit = Math.min(text.length, start + MAX_VALUE)
  let end = start
  for (; end < limit; end++) {
    const character = text[end]!
    if (
      ENDS_BARE.test(character) ||
      (character === quoteBeforeName && (character === "'" || character === '"'))
    )
      break
    if (character === '\\' && /[nrt"'u]/.test(text[end + 1] ?? 'n')) break
    if ((character === ',' || character === ';' || character === '&') && after(NEXT_PAIR, text, end) !== -1)
      break
  }
  while (end > start && /[,)\]};'`]/.test(text[end - 1]!) && !isBalanced(text.slice(start, end))) end--
  return end
}

/** Whether a closing mark at the end belongs to the value: `$(cat file)`, `${NAME}`. */
function isBalanced(value: string): boolean {
  const close = value.at(-1)!
  const open = { ')': '(', ']': '[', '}': '{' }[close]
  return open !== undefined && value.length <= 256 && value.includes(open)
}

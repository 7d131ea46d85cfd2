// Diagnostics by line and column → stretches of text, with what a click can mend.
import type { Mark, ServerDiagnostic, TextChange } from './checked.ts'
import { removeAt } from './removals.ts'

type Diagnostic = Omit<ServerDiagnostic, 'severity'> & { severity: Mark['severity'] }

const TOKEN = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'|[^\s,[\]{}#"']+/y

export function marksOf(text: string, diagnostics: readonly Diagnostic[]): Mark[] {
  const starts = lineStarts(text)
  return diagnostics.map((diagnostic) => {
    const lineStart = starts[Math.min(diagnostic.line, starts.length) - 1] ?? 0
    const from = Math.min(lineStart + diagnostic.column - 1, text.length)
    const mark = { ...diagnostic, from, to: endOf(text, from), mendable: false }
    return { ...mark, mendable: isMendable(mark) }
  })
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function endOf(text: string, from: number): number {
  TOKEN.lastIndex = from
  const token = TOKEN.exec(text)?.[0]
  if (token === undefined) return Math.min(from + 1, text.length)
  return from + (token.length > 1 && token.endsWith(':') ? token.length - 1 : token.length)
}

const WRITE = /^write (\S+)$/
const REMOVE = /^remove (?:it|the condition|the tag|[a-z_]+)$/

function isMendable({ fix, code, from, to }: Mark): boolean {
  if (fix === undefined) return false
  if (code === 'missing_key') return fix === 'add `version`'
  return (WRITE.test(fix) && to > from) || REMOVE.test(fix)
}

/** The change that does what the mark's fix says, or undefined when the text is another by now. */
export function mend(text: string, mark: Mark): TextChange | undefined {
  const { fix = '', from, to } = mark
  if (mark.code === 'missing_key') return { from: 0, to: 0, insert: 'version: 1\n' }
  const written = WRITE.exec(fix)?.[1]
  if (written !== undefined) return { from, to, insert: quotedAs(text.slice(from, to), written) }
  return removeAt(text, from)
}

/** In the quotes of what it takes the place of, or in some where a bare word would not be read as text. */
function quotedAs(old: string, written: string): string {
  const word = written.replace(/^`(.*)`$/, '$1')
  const [quote] = old
  if (quote === "'") return `'${word.replaceAll("'", "''")}'`
  return quote === '"' || !/^[A-Za-z_][\w./-]*$/.test(word) ? JSON.stringify(word) : word
}

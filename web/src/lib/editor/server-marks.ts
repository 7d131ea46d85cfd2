// What the API said of a text beside what the engine says of it here: each thing once.
import type { Checked, Mark, ServerDiagnostic } from './checked.ts'

/** Of one text: what is said of another has other places. */
export function marksFromServer(
  text: string,
  diagnostics: readonly ServerDiagnostic[],
  checked: Checked | undefined,
): Mark[] {
  const here = checked?.text === text ? checked.marks : []
  const known = new Set(here.map(keyOf))
  const others = diagnostics.filter((each) => !known.has(keyOf(each)))
  return [...others.map((each) => placed(text, each)), ...here].sort((a, b) => a.from - b.from)
}

const keyOf = ({ line, column, code }: Pick<Mark, 'line' | 'column' | 'code'>) => `${line}:${column}:${code}`

/** At the whole line: that is where a test that fails begins. */
function placed(text: string, diagnostic: ServerDiagnostic): Mark {
  let start = 0
  for (let line = 1; line < diagnostic.line; line++) {
    const next = text.indexOf('\n', start)
    if (next === -1) break
    start = next + 1
  }
  const from = Math.min(start + diagnostic.column - 1, text.length)
  const end = text.indexOf('\n', from)
  return { ...diagnostic, from, to: end === -1 ? text.length : end, mendable: false }
}

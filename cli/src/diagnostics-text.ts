// Diagnostics for people: where, what, the line itself with a caret below it, and what to do.
import pc from 'picocolors'
import type { Diagnostic } from '@mcpshield/policy/parse'
import { printable } from './printable.ts'
import type { World } from './world.ts'

type Colors = ReturnType<typeof pc.createColors>

/** Colours for one of the two outputs: on a terminal only, and not where they are unwanted. */
export function colorsFor(world: World, stream: { isTTY?: boolean }): Colors {
  return pc.createColors(stream.isTTY === true && !world.environment.noColor)
}

const SHOWN_UNITS = 120
const BEFORE_CARET = 60

/** `file:line:column severity code message`, the source line, a caret, and the fix. */
export function diagnosticText(
  file: string,
  sourceLines: readonly string[],
  diagnostic: Diagnostic,
  colors: Colors,
): string {
  const { line, column, severity, code, message, fix } = diagnostic
  const paint = severity === 'error' ? colors.red : colors.yellow
  const name = printable(file === '-' ? '<stdin>' : file)
  const head = `${colors.bold(`${name}:${line}:${column}`)} ${paint(severity)} ${code} ${printable(message)}\n`
  const shown = excerpt(sourceLines[line - 1] ?? '', column - 1)
  const source =
    shown.text.trim() === '' ? '' : `  ${shown.text}\n  ${' '.repeat(shown.caret)}${paint('^')}\n`
  return head + source + (fix === undefined ? '' : `  ${colors.cyan('fix:')} ${printable(fix)}\n`)
}

/** All of a text's diagnostics, for standard output. */
export function diagnosticsText(
  world: World,
  file: string,
  text: string,
  diagnostics: readonly Diagnostic[],
): string {
  const colors = colorsFor(world, world.stdout)
  const lines = linesOf(text)
  return diagnostics.map((each) => diagnosticText(file, lines, each, colors)).join('')
}

/** As much of a line as fits around a place of it. */
function excerpt(line: string, at: number): { text: string; caret: number } {
  const text = printable(line)
  if (text.length <= SHOWN_UNITS) return { text, caret: at }
  const from = Math.max(0, Math.min(at - BEFORE_CARET, text.length - SHOWN_UNITS))
  const lead = from > 0 ? '…' : ''
  const tail = from + SHOWN_UNITS < text.length ? '…' : ''
  return { text: lead + text.slice(from, from + SHOWN_UNITS) + tail, caret: at - from + lead.length }
}

/** The lines of a text, as YAML counts them. */
export function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.replace(/\r$/, ''))
}

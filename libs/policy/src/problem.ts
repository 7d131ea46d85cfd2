// What is wrong, or doubtful, in a document, by the place of its value.
import type { DiagnosticCode } from './diagnostic-codes.ts'
import type { JsonPath } from './yaml-document.ts'

export type Problem = {
  path: JsonPath
  part: 'key' | 'value'
  severity: 'error' | 'warning'
  code: DiagnosticCode
  message: string
  /** What to do about it, in words that can be followed without knowing the language. */
  fix?: string
}

export function error(path: JsonPath, code: DiagnosticCode, message: string, fix?: string): Problem {
  return { path, part: 'value', severity: 'error', code, message, ...(fix === undefined ? {} : { fix }) }
}

export function warning(path: JsonPath, code: DiagnosticCode, message: string, fix?: string): Problem {
  return { path, part: 'value', severity: 'warning', code, message, ...(fix === undefined ? {} : { fix }) }
}

/** The same, of the key and not of its value. */
export function ofKey(problem: Problem): Problem {
  return { ...problem, part: 'key' }
}

/** A name of the document as a message may show it. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}

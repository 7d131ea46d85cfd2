// What is wrong, or doubtful, in a document, by the place of its value.
import type { JsonPath } from './yaml-document.ts'

export type Problem = {
  path: JsonPath
  part: 'key' | 'value'
  severity: 'error' | 'warning'
  code: string
  message: string
  fix?: string
}

export function error(path: JsonPath, code: string, message: string, fix?: string): Problem {
  return { path, part: 'value', severity: 'error', code, message, ...(fix === undefined ? {} : { fix }) }
}

export function warning(path: JsonPath, code: string, message: string, fix?: string): Problem {
  return { path, part: 'value', severity: 'warning', code, message, ...(fix === undefined ? {} : { fix }) }
}

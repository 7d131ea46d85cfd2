// What would do a policy good. Nothing here is doubtful, so it is kept apart from warnings.
import type { DiagnosticCode } from './diagnostic-codes.ts'
import type { Policy } from './schema.ts'
import type { JsonPath } from './yaml-document.ts'

export type Hint = {
  path: JsonPath
  part: 'key' | 'value'
  severity: 'hint'
  code: DiagnosticCode
  message: string
  fix: string
}

export function policyHints({ rules = [], tests = [] }: Policy): Hint[] {
  const empty = rules.flatMap((rule, i) =>
    (['conditions', 'limits', 'redact'] as const).flatMap((key) => {
      const value = rule[key]
      if (value === undefined || Object.keys(value).length > 0) return []
      const message = `An empty \`${key}\` says nothing.`
      return [hint(['rules', i, key], 'says_nothing', message, `remove ${key}`)]
    }),
  )
  if (rules.length === 0 || tests.length > 0) return empty
  const message = 'The policy carries no tests: nothing tells when a change to it opens what it closes.'
  return [
    hint([], 'no_tests', message, 'add `tests:` with a call that must be denied and one that must not'),
    ...empty,
  ]
}

function hint(path: JsonPath, code: DiagnosticCode, message: string, fix: string): Hint {
  return { path, part: 'key', severity: 'hint', code, message, fix }
}

// Reads a text as the API would before it saves it, all but the policy's own tests: those need a parser of SQL.
import { parsePolicy } from '@mcpshield/policy/parse'
import type { OfferedTool } from '@mcpshield/policy/tool-warnings'
import type { PolicyTest } from '@mcpshield/policy/schema'
import { readYaml } from '@mcpshield/policy/yaml-document'
import type { Checked, PlacedTest, PolicyKind } from './checked.ts'
import { marksOf } from './marks.ts'

export type CheckInput = { text: string; kind: PolicyKind; offered?: readonly OfferedTool[] | undefined }

export function check({ text, kind, offered }: CheckInput): Checked {
  const {
    policy,
    diagnostics,
    hints = [],
  } = parsePolicy(text, {
    organization: kind === 'organization',
    ...(offered === undefined || offered.length === 0 ? {} : { offered }),
  })
  const marks = marksOf(text, [...diagnostics, ...hints])
  if (policy === undefined) return { text, marks, isPolicy: false, tests: [] }
  return { text, marks, isPolicy: true, tests: placedTests(text, policy.tests ?? []) }
}

function placedTests(text: string, tests: readonly PolicyTest[]): PlacedTest[] {
  if (tests.length === 0) return []
  const yaml = readYaml(text)
  if ('problems' in yaml) return []
  return tests.map(({ name, call, expect }, i) => ({
    name,
    tool: call.tool,
    expects: expectationOf(expect),
    line: yaml.document.locate(['tests', i], 'value').line,
  }))
}

function expectationOf(expect: PolicyTest['expect']): string {
  if (typeof expect === 'string') return expect
  const { decision, rule } = expect
  return [decision, rule === undefined ? undefined : `by ${rule}`].filter(Boolean).join(' ')
}

// What is wrong in a rule although its shape is right: an error here means the rule could not do what it says.
import { readDomain } from './domains.ts'
import { listOf, ruleId } from './schema.ts'
import type { Constraint } from './conditions-schema.ts'
import type { Policy, Rule } from './schema.ts'
import { placeOf } from './condition-warnings.ts'
import type { RedactEntry } from './limits-schema.ts'
import { readPathPrefix } from './path-prefix.ts'
import { patternReader } from './patterns.ts'
import { error, ofKey, quoted } from './problem.ts'
import type { Problem } from './problem.ts'
import type { DiagnosticCode } from './diagnostic-codes.ts'
import { isDatabaseTool } from './tool-kinds.ts'
import { readTime, readTimeWindow } from './time-window.ts'
import type { JsonPath } from './yaml-document.ts'

export function ruleProblems(policy: Policy, options: { organization?: boolean }): Problem[] {
  const rules = policy.rules ?? []
  const patternProblem = patternChecker()
  return [
    ...repeatedIds(rules),
    ...rules.flatMap((rule, i) => [
      ...decisionProblems(rule, ['rules', i]),
      ...conditionProblems(rule, ['rules', i], patternProblem),
      ...limitProblems(rule, ['rules', i], patternProblem),
      ...(options.organization === true ? organizationProblems(rule, ['rules', i]) : []),
    ]),
    ...(options.organization === true && policy.default === 'allow'
      ? [
          error(
            ['default'],
            'organization_default',
            "An organisation's policy has no default: what it leaves open is for the project's policy to say.",
            'remove `default`',
          ),
        ]
      : []),
    ...testProblems(policy),
  ]
}

type PatternCheck = (pattern: string | undefined, path: JsonPath) => Problem[]

function patternChecker(): PatternCheck {
  const read = patternReader()
  return (pattern, path) => {
    if (pattern === undefined) return []
    const { problem } = read(pattern)
    return problem === undefined ? [] : [error(path, 'bad_pattern', `\`pattern\` ${problem}.`)]
  }
}

function repeatedIds(rules: readonly Rule[]): Problem[] {
  const seen = new Set<string>()
  const problems: Problem[] = []
  rules.forEach((rule, i) => {
    const id = ruleId(rule, i)
    if (seen.has(id)) {
      problems.push(
        error(
          ['rules', i, 'id'],
          'duplicate_id',
          `There is already a rule \`${id}\`; ids must be unique.`,
          'give it another id',
        ),
      )
    }
    seen.add(id)
  })
  return problems
}

function decisionProblems(rule: Rule, path: JsonPath): Problem[] {
  const problems: Problem[] = []
  if (rule.decision === 'deny' && rule.conditions?.allowed_domains !== undefined) {
    const message =
      'A deny rule cannot have allowed_domains: it would deny exactly the domains it calls allowed. Use blocked_domains.'
    const fix = 'write blocked_domains to deny these domains, or make it an allow rule'
    problems.push(
      ofKey(error([...path, 'conditions', 'allowed_domains'], 'allowed_domains_in_deny', message, fix)),
    )
  }
  if (rule.decision === 'deny') {
    for (const key of ['limits', 'redact'] as const) {
      if (rule[key] === undefined) continue
      const message = `A deny rule cannot have ${key}: nothing of a denied call comes back.`
      problems.push(ofKey(error([...path, key], `${key}_in_deny`, message, `remove ${key}`)))
    }
  }
  if (rule.timeout !== undefined && rule.decision !== 'ask') {
    const message = '`timeout` beside the decision is how long an ask rule waits for a person.'
    const fix =
      rule.decision === 'deny'
        ? 'remove it'
        : `write it under limits to bound the call: limits: { timeout: ${rule.timeout} }`
    problems.push(ofKey(error([...path, 'timeout'], 'timeout_without_ask', message, fix)))
  }
  return problems
}

function organizationProblems(rule: Rule, path: JsonPath): Problem[] {
  if (rule.decision !== 'allow') return []
  const message =
    "An organisation's policy holds deny and ask rules only: its projects' policies say what is allowed."
  return [error([...path, 'decision'], 'organization_allow', message, 'make it a deny or ask rule')]
}

function conditionProblems(
  { conditions = {} }: Rule,
  path: JsonPath,
  patternProblem: PatternCheck,
): Problem[] {
  const at = [...path, 'conditions']
  const { path_prefix, allowed_domains, blocked_domains, time, parameters } = conditions
  const problems = [
    ...entryProblems(path_prefix, [...at, 'path_prefix'], 'bad_path', readPathPrefix),
    ...entryProblems(allowed_domains, [...at, 'allowed_domains'], 'bad_domain', readDomain),
    ...entryProblems(blocked_domains, [...at, 'blocked_domains'], 'bad_domain', readDomain),
  ]
  if (time !== undefined) {
    const window = readTimeWindow(time)
    if ('problem' in window) {
      problems.push(error([...at, 'time', window.at], 'bad_time', `\`${window.at}\` ${window.problem}.`))
    }
  }
  for (const [name, constraint] of Object.entries(parameters ?? {})) {
    problems.push(...parameterProblems(name, constraint, [...at, 'parameters', name], patternProblem))
  }
  return problems
}

function entryProblems(
  entries: string | readonly string[] | undefined,
  path: JsonPath,
  code: DiagnosticCode,
  check: (text: string) => object,
): Problem[] {
  if (entries === undefined) return []
  return listOf(entries).flatMap((text, i) => {
    const read: { problem?: string; fix?: string } = check(text)
    if (read.problem === undefined) return []
    return [error(placeOf(entries, path, i), code, `${quoted(text)} ${read.problem}.`, read.fix)]
  })
}

type ItemConstraint = Omit<Constraint, 'items' | 'required'> & { items?: ItemConstraint | undefined }

function parameterProblems(
  name: string,
  constraint: ItemConstraint,
  path: JsonPath,
  patternProblem: PatternCheck,
): Problem[] {
  const problems: Problem[] = []
  if (name.split('.').some((key) => key === '')) {
    problems.push({
      ...error(path, 'bad_parameter', `\`${name.slice(0, 60)}\` is not a path of names with dots between.`),
      part: 'key',
    })
  }
  problems.push(...patternProblem(constraint.pattern, [...path, 'pattern']))
  for (const [least, most] of [
    ['minLength', 'maxLength'],
    ['minimum', 'maximum'],
  ] as const) {
    const [low, high] = [constraint[least], constraint[most]]
    if (low !== undefined && high !== undefined && low > high) {
      problems.push(
        error([...path, most], 'empty_range', `No value can have ${least} ${low} and ${most} ${high}.`),
      )
    }
  }
  const { items } = constraint
  return items === undefined
    ? problems
    : [...problems, ...parameterProblems(name, items, [...path, 'items'], patternProblem)]
}

function limitProblems(
  { limits, redact = [], tool }: Rule,
  path: JsonPath,
  patternProblem: PatternCheck,
): Problem[] {
  const problems: Problem[] = []
  const other = listOf(tool).find((glob) => !isDatabaseTool(glob))
  if (limits?.max_rows !== undefined && other !== undefined) {
    const message = `max_rows counts the rows of a database connector, and ${JSON.stringify(other.slice(0, 100))} may be something else.`
    problems.push(
      error(
        [...path, 'limits', 'max_rows'],
        'max_rows_off_connector',
        message,
        'use max_bytes, or name a connector such as postgres.query',
      ),
    )
  }
  redact.forEach((entry, i) =>
    problems.push(...redactProblems(entry, [...path, 'redact', i], patternProblem)),
  )
  return problems
}

function redactProblems(entry: RedactEntry, path: JsonPath, patternProblem: PatternCheck): Problem[] {
  if (typeof entry === 'string') return []
  if ('fields' in entry) {
    return entry.fields.flatMap((field, i) => {
      if (!field.split('.').includes('')) return []
      const message = `${quoted(field)} is not a path of names with dots between.`
      return [error([...path, 'fields', i], 'bad_field', message)]
    })
  }
  return 'pattern' in entry ? patternProblem(entry.pattern, [...path, 'pattern']) : []
}

function testProblems({ tests = [] }: Policy): Problem[] {
  return tests.flatMap(({ call, expect }, i) => {
    const problems: Problem[] = []
    const time = call.context?.time
    if (time !== undefined && readTime(time) === undefined) {
      const message = '`time` must be an RFC 3339 time such as 2026-01-31T09:00:00Z.'
      problems.push(error(['tests', i, 'call', 'context', 'time'], 'bad_time', message))
    }
    if (typeof expect !== 'string' && expect.decision === undefined && expect.rule === undefined) {
      const message = 'The test expects nothing: whatever becomes of the call, it passes.'
      const fix = 'write the decision, such as `expect: deny`'
      problems.push(error(['tests', i, 'expect'], 'empty_expectation', message, fix))
    }
    return problems
  })
}

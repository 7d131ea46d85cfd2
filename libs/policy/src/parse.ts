// Text → a checked policy, or what is wrong with it by line and column. A policy that passed is plain JSON: it is
// stored and sent as such, and checked again by `checkPolicy` where it arrives.
import { MAX_RULES, Policy } from './schema.ts'
import { error } from './problem.ts'
import type { Problem } from './problem.ts'
import { ruleProblems } from './rule-problems.ts'
import { ruleWarnings } from './rule-warnings.ts'
import { policyHints } from './hints.ts'
import type { Hint } from './hints.ts'
import type { OfferedTool } from './tool-warnings.ts'
import { shapeProblems } from './shape-problems.ts'
import { readYaml } from './yaml-document.ts'

export type Diagnostic = {
  line: number
  column: number
  severity: 'error' | 'warning'
  code: string
  message: string
  fix?: string
}

/** What would do the policy good: never a reason to refuse it. */
export type HintDiagnostic = Omit<Diagnostic, 'severity'> & { severity: 'hint' }

/** With a policy, diagnostics are warnings; without one, at least one is an error. */
export type ParseResult =
  | { policy: Policy; diagnostics: Diagnostic[]; hints: HintDiagnostic[] }
  | { policy?: undefined; diagnostics: Diagnostic[]; hints?: undefined }
export type CheckResult =
  { policy: Policy; problems: Problem[] } | { policy?: undefined; problems: Problem[] }

export type CheckOptions = {
  /** The document is an organisation's: deny and ask rules only. */
  organization?: boolean
}

export type ParseOptions = CheckOptions & {
  /** The tools that the project's upstreams and connectors offer, for warnings about those that a policy names. */
  offered?: readonly OfferedTool[]
}

const MAX_DIAGNOSTICS = 100

/** Reads a policy's YAML. Never throws: a text is either a policy or has diagnostics with positions. */
export function parsePolicy(text: string, options: ParseOptions = {}): ParseResult {
  try {
    return parse(text, options)
  } catch (cause) {
    const message =
      cause instanceof RangeError ? 'The document is nested too deeply.' : 'The document cannot be read.'
    return { diagnostics: [{ line: 1, column: 1, severity: 'error', code: 'unreadable', message }] }
  }
}

function parse(text: string, options: ParseOptions): ParseResult {
  const yaml = readYaml(text)
  if ('problems' in yaml) {
    return {
      diagnostics: yaml.problems.slice(0, MAX_DIAGNOSTICS).map((each) => ({ severity: 'error', ...each })),
    }
  }
  const { value, locate } = yaml.document
  const positioned = <Found extends Problem | Hint>(problems: readonly Found[]) =>
    problems
      .slice(0, MAX_DIAGNOSTICS)
      .map(({ path, part, ...rest }) => ({ ...locate(path, part), ...rest }))
      .sort((a, b) => a.line - b.line || a.column - b.column)
  const { policy, problems } = checkPolicy(value, options)
  if (policy === undefined) return { diagnostics: positioned(problems) }
  return {
    policy,
    diagnostics: positioned(ruleWarnings(policy, options.offered)),
    hints: positioned(policyHints(policy)),
  }
}

/** Checks a policy in its JSON form, as `parsePolicy` gave it. */
export function checkPolicy(document: unknown, options: CheckOptions = {}): CheckResult {
  const rules =
    typeof document === 'object' && document !== null && 'rules' in document ? document.rules : undefined
  if (Array.isArray(rules) && rules.length > MAX_RULES) {
    return {
      problems: [error(['rules'], 'too_many_rules', `\`rules\` must have at most ${MAX_RULES} entries.`)],
    }
  }
  const parsed = Policy.safeParse(document)
  if (!parsed.success) return { problems: shapeProblems(parsed.error.issues, document) }
  const problems = ruleProblems(parsed.data, options)
  return problems.length > 0 ? { problems } : { policy: parsed.data, problems: [] }
}

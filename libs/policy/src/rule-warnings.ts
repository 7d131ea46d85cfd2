// What is allowed and yet hardly meant.
import { isLocalHost, readDomain } from './domains.ts'
import { covers, globMatcher, isGlob } from './globs.ts'
import { DEFAULT_METHOD } from './tool-name.ts'
import { warning } from './problem.ts'
import type { Problem } from './problem.ts'
import { durationMs } from './durations.ts'
import { listOf, ruleId } from './schema.ts'
import type { Policy, RedactEntry, Rule } from './schema.ts'
import type { JsonPath } from './yaml-document.ts'

export type ToolsOffered = {
  /** Names of all tools the project's upstreams and connectors offer. */
  tools?: readonly string[]
  /** Those of them whose facts are only guessed from names and shapes of arguments. */
  guessed?: readonly string[]
}

export function ruleWarnings(policy: Policy, offered: ToolsOffered): Problem[] {
  const rules = policy.rules ?? []
  return [
    ...shadowedRules(rules),
    ...rules.flatMap((rule, i) => [
      ...conditionWarnings(rule, ['rules', i, 'conditions']),
      ...limitWarnings(rule, ['rules', i, 'limits']),
      ...toolWarnings(rule, ['rules', i], offered),
    ]),
  ]
}

/** Rules that never decide because one above always does. Finds what can be seen without knowing calls. */
function shadowedRules(rules: readonly Rule[]): Problem[] {
  const problems: Problem[] = []
  const seen = new Map<string, string>()
  const open: { id: string; tools: Set<string>; globs: string[]; methods: readonly string[] }[] = []
  const exactTools = new Map<string, string>()
  rules.forEach((rule, i) => {
    const id = ruleId(rule, i)
    const methods = listOf(rule.method ?? DEFAULT_METHOD)
    const tools = listOf(rule.tool)
    const key = JSON.stringify([methods, tools, rule.decision, rule.conditions])
    const usual = methods.every((method) => method === DEFAULT_METHOD)
    const plain = usual && tools.length > 0 && tools.every((tool) => exactTools.has(tool))
    const covering = open.find((above) => {
      const coversMethods = methods.every((method) => above.methods.some((each) => covers(each, method)))
      return (
        coversMethods &&
        tools.every((tool) => above.tools.has(tool) || above.globs.some((glob) => covers(glob, tool)))
      )
    })
    const above = seen.get(key) ?? covering?.id ?? (plain ? exactTools.get(tools[0] ?? '') : undefined)
    if (above !== undefined) {
      const message = `The rule \`${id}\` never decides: \`${above}\` above it always does.`
      problems.push(
        warning(['rules', i], 'shadowed_rule', message, `remove it, or move it above \`${above}\``),
      )
    }
    seen.set(key, seen.get(key) ?? id)
    if (Object.keys(rule.conditions ?? {}).length > 0 || above !== undefined) return
    if (usual && !tools.some(isGlob))
      for (const tool of tools) exactTools.set(tool, exactTools.get(tool) ?? id)
    else if (open.length < MAX_COMPARED)
      open.push({ id, tools: new Set(tools), globs: tools.filter(isGlob), methods })
  })
  return problems
}

/** Rules without conditions that each later rule is compared with: the time to check stays linear. */
const MAX_COMPARED = 50

function conditionWarnings({ conditions = {}, decision }: Rule, path: JsonPath): Problem[] {
  const problems: Problem[] = []
  if (conditions.agent !== undefined && decision === 'allow') {
    const message =
      '`agent` is what the client says of itself: anyone can say it. It must not be what allows a call.'
    problems.push({
      ...warning([...path, 'agent'], 'agent_allows', message, 'test `key` or `user`'),
      part: 'key',
    })
  }
  for (const prefix of listOf(conditions.path_prefix ?? [])) {
    if (!isGlob(prefix)) continue
    problems.push(
      warning(
        [...path, 'path_prefix'],
        'glob_in_path',
        'path_prefix is a folder, not a glob: * and ? stand for themselves.',
        'name the folder only',
      ),
    )
  }
  for (const entry of listOf(conditions.allowed_domains ?? [])) {
    const read = readDomain(entry)
    if ('problem' in read || read.match !== 'below' || !isLocalHost(`x.${read.host}`)) continue
    problems.push(
      warning(
        [...path, 'allowed_domains'],
        'never_matches',
        `${JSON.stringify(entry)} never matches: local hosts must be named one by one.`,
      ),
    )
  }
  const capital = listOf(conditions.functions ?? []).find((glob) => glob !== glob.toLowerCase())
  if (capital !== undefined && decision !== 'deny') {
    const message = `Functions are compared in lower case: ${JSON.stringify(capital)} never matches.`
    problems.push(warning([...path, 'functions'], 'never_matches', message, `write ${capital.toLowerCase()}`))
  }
  return problems
}

function limitWarnings({ limits, redact = [] }: Rule, path: JsonPath): Problem[] {
  const problems: Problem[] = []
  const { rate_limit: rate, timeout } = limits ?? {}
  const perMs = rate === undefined ? undefined : durationMs(rate.per)
  const timeoutMs = timeout === undefined ? undefined : durationMs(timeout)
  if (
    limits?.max_rows !== undefined &&
    limits.max_bytes !== undefined &&
    limits.max_rows > limits.max_bytes
  ) {
    problems.push(
      warning(
        [...path, 'max_rows'],
        'contradicting_limits',
        'max_rows has no effect: a row has at least one byte, and max_bytes is smaller.',
      ),
    )
  }
  if (rate?.by === 'agent') {
    problems.push(
      warning(
        [...path, 'rate_limit', 'by'],
        'agent_counts',
        'A client that calls itself by another name gets a new window.',
        'count by key',
      ),
    )
  }
  if (perMs !== undefined && timeoutMs !== undefined && rate?.calls === 1 && timeoutMs > perMs) {
    problems.push(
      warning(
        [...path, 'timeout'],
        'contradicting_limits',
        'A call may run longer than the window it is counted in.',
      ),
    )
  }
  const seen = new Map<string, string | undefined>()
  redact.forEach((entry, i) => {
    const { name, how } = namedDetector(entry)
    if (name === undefined) return
    if (seen.has(name) && seen.get(name) !== how) {
      problems.push(
        warning(
          [...path.slice(0, -1), 'redact', i],
          'contradicting_redactions',
          `\`${name}\` is redacted in two ways.`,
          'keep one of them',
        ),
      )
    }
    seen.set(name, how)
  })
  return problems
}

function namedDetector(entry: RedactEntry): { name?: string; how?: string } {
  if (typeof entry === 'string') return { name: entry, how: 'mask' }
  return 'detector' in entry && !('on' in entry) ? { name: entry.detector, how: entry.with ?? 'mask' } : {}
}

function toolWarnings(rule: Rule, path: JsonPath, { tools, guessed }: ToolsOffered): Problem[] {
  const isCall = listOf(rule.method ?? DEFAULT_METHOD).includes(DEFAULT_METHOD)
  if (tools === undefined || !isCall) return []
  return listOf(rule.tool).flatMap((glob, i) => {
    const at = Array.isArray(rule.tool) ? [...path, 'tool', i] : [...path, 'tool']
    const matches = globMatcher(glob)
    if (!tools.some(matches)) {
      const near = tools.find((tool) => tool.toLowerCase() === glob.toLowerCase())
      const fix = near === undefined ? undefined : `write ${near}`
      return [
        warning(
          at,
          'no_such_tool',
          `No tool of this project matches ${JSON.stringify(glob.slice(0, 100))}.`,
          fix,
        ),
      ]
    }
    const vague = testsFacts(rule) ? guessed?.find(matches) : undefined
    if (vague === undefined) return []
    const message = `The facts of ${vague.slice(0, 128)} are only guessed from the names and shapes of its arguments.`
    return [warning(at, 'guessed_facts', message, 'declare them under `facts:`')]
  })
}

const FACT_CONDITIONS = [
  'path_prefix',
  'allowed_domains',
  'blocked_domains',
  'connection',
  'operations',
  'resources',
  'fields',
  'functions',
] as const

function testsFacts({ conditions = {} }: Rule): boolean {
  return FACT_CONDITIONS.some((condition) => conditions[condition] !== undefined)
}

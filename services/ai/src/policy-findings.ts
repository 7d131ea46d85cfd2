// What is weak in a policy, by code alone: what the language's own check says, and what tries show to be open.
import type { Finding } from '@mcpshield/contracts/ai'
import { compile } from '@mcpshield/policy/compile'
import { decide } from '@mcpshield/policy/decide'
import type { Access } from '@mcpshield/policy/facts'
import { anyGlob, matchesAll } from '@mcpshield/policy/globs'
import { parsePolicy, type Diagnostic, type HintDiagnostic } from '@mcpshield/policy/parse'
import { probesOf } from '@mcpshield/policy/probes'
import { accessInWords } from '@mcpshield/policy/wording'
import { listOf, ruleId, type Obligations, type Policy, type Rule } from '@mcpshield/policy/schema'
import type { Documents } from '@mcpshield/policy/openings'
import { touchable, type Knowledge, type StoredResource } from './knowledge.ts'

const ORDER: Record<Finding['severity'], number> = { high: 0, medium: 1, low: 2, info: 3 }
const MAX_FINDINGS = 60

/** The worst first. */
export function policyFindings(text: string, knowledge: Knowledge): Finding[] {
  const { policy, diagnostics, hints = [] } = parsePolicy(text)
  const said = [...diagnostics, ...hints].map(ofDiagnostic)
  if (policy === undefined) return said
  const documents = { policy, above: knowledge.inForce.above }
  return [
    ...said,
    ...defaultFindings(policy),
    ...(policy.rules ?? []).flatMap((rule, i) =>
      rule.decision === 'allow' ? wideFindings(rule, ruleId(rule, i)) : [],
    ),
    ...openWrites(documents, knowledge),
    ...openPersonal(documents, knowledge),
    ...unlimited(policy),
  ]
    .sort((a, b) => ORDER[a.severity] - ORDER[b.severity])
    .slice(0, MAX_FINDINGS)
}

const GRAVE = new Set(['allows_everything', 'local_hosts_open'])
const SERIOUS = new Set(['agent_allows', 'shadowed_rule', 'kind_left_untested', 'never_matches'])

function ofDiagnostic({ severity, code, message, line, fix }: Diagnostic | HintDiagnostic): Finding {
  const grave = severity === 'error' || GRAVE.has(code)
  return {
    severity: grave ? 'high' : severity === 'hint' ? 'info' : SERIOUS.has(code) ? 'medium' : 'low',
    ...{ code, message, line, fix: fix ?? null },
  }
}

function finding(severity: Finding['severity'], code: string, message: string, fix: string): Finding {
  return { severity, code, message, line: null, fix }
}

function defaultFindings(policy: Policy): Finding[] {
  if (policy.default !== 'allow') return []
  const message =
    'What no rule decides is allowed. A tool that is added tomorrow is open from its first call.'
  return [finding('high', 'default_allow', message, 'set default: deny, and allow what is needed')]
}

const all = (patterns: string | readonly string[] | undefined) =>
  patterns !== undefined && listOf(patterns).some(matchesAll)

function wideFindings({ tool, conditions = {} }: Rule, id: string): Finding[] {
  const found: Finding[] = []
  const add = (what: string, fix: string) =>
    found.push(finding('medium', 'wide_rule', `\`${id}\` allows ${what}.`, fix))
  const none = Object.keys(conditions).length === 0
  if (all(tool) && !none) add('calls of every tool', 'name the tools')
  if (none && !all(tool)) add('every call of its tools, whatever they touch', 'add conditions')
  const dataOpen =
    all(conditions.resources) || (conditions.operations !== undefined && conditions.resources === undefined)
  if (dataOpen) add('access to every table that its connections reach', 'name schemas or tables in resources')
  if (conditions.operations === undefined && conditions.resources !== undefined)
    add('writes and changes of the schema along with reads', 'add operations: [read]')
  if (listOf(conditions.path_prefix ?? []).some((each) => /^\/+$/.test(each)))
    add('every path', 'name the folders')
  if (all(conditions.allowed_domains)) add('requests to every public host', 'name the hosts')
  return found
}

const changes = ({ operation }: Access) =>
  operation === 'write' || operation === 'schema' || operation === 'admin'

/** Writes that go through without a person: by rule, what was found open. */
function openWrites(documents: Documents, knowledge: Knowledge): Finding[] {
  const open = new Map<string, Set<string>>()
  for (const { decision, access } of decidedAccesses(documents, knowledge)) {
    if (decision.decision !== 'allow' || !changes(access)) continue
    const of = open.get(decision.rule) ?? new Set<string>()
    open.set(decision.rule, of.add(accessInWords(access, 'within')))
  }
  return [...open].map(([rule, what]) => {
    const some = [...what].slice(0, 4).join(', ')
    const message = `\`${rule}\` lets changes through without asking anybody: ${some}${what.size > 4 ? ' and more' : ''}.`
    return finding(
      'medium',
      'writes_unasked',
      message,
      'put an ask rule for operations [write, schema, admin] above it',
    )
  })
}

function* decidedAccesses({ policy, above }: Documents, knowledge: Knowledge) {
  const compiled = compile(policy, above === undefined ? {} : { above })
  const world = {
    tools: knowledge.tools.map(({ name }) => name),
    resources: touchable(knowledge).map(({ name }) => name),
    connections: knowledge.systems.connections.map(({ name }) => name),
    context: { environment: knowledge.environment },
  }
  for (const { facts, context } of probesOf([policy], world)) {
    const [access] = Array.isArray(facts.accesses) ? facts.accesses : []
    if (access !== undefined) yield { decision: decide(compiled, facts, context), access }
  }
}

/** Columns that are likely personal or secret, by their names, and the detector that would find their content. */
const PERSONAL: [RegExp, string, Finding['severity']][] = [
  [/pass(?:word|wd|phrase)|secret|token|api_?key|private_?key|otp|pin_hash/i, 'generic_secret', 'high'],
  [/e_?mail/i, 'email', 'medium'],
  [/ssn|social_sec/i, 'ssn', 'high'],
  [/card_?(?:number|no)|credit_?card|cvv/i, 'credit_card', 'high'],
  [/iban|bank_?account/i, 'iban', 'medium'],
  [/phone|mobile/i, 'phone', 'medium'],
  [/birth|dob$|salary|passport|tax_?id|address|gender|health/i, '', 'low'],
]

const TOOLS: Record<string, string> = {
  postgresql: 'postgres.query',
  mysql: 'mysql.query',
  sqlite: 'sqlite.query',
  mongodb: 'mongodb.find',
}

/** Personal columns of known tables that may be read as they are. */
function openPersonal({ policy, above }: Documents, { resources, environment }: Knowledge): Finding[] {
  const compiled = compile(policy, above === undefined ? {} : { above })
  return resources.flatMap((resource) =>
    resource.fields.flatMap((field): Finding[] => {
      const kind = PERSONAL.find(([pattern]) => pattern.test(field))
      const tool = TOOLS[resource.kind]
      if (kind === undefined || tool === undefined) return []
      const { decision, rule, obligations } = decide(compiled, readOf(tool, resource, field), { environment })
      const [, detector, severity] = kind
      if (decision !== 'allow' || isHidden(obligations, { detector, field, resource: resource.name }))
        return []
      const message = `\`${rule}\` lets ${resource.name}.${field} be read as it is, which by its name is personal or secret.`
      return [
        finding(
          severity,
          'personal_unredacted',
          message,
          `add redact: [{ fields: ["*.${field}"] }], or deny the column`,
        ),
      ]
    }),
  )
}

function readOf(tool: string, { connection, name }: StoredResource, field: string) {
  const access: Access = { connection, operation: 'read', resource: name, fields: [field], functions: [] }
  return { method: 'tools/call', tool, arguments: {}, paths: [], urls: [], accesses: [access] }
}

function isHidden(
  { redact }: Obligations,
  { detector, field, resource }: { detector: string; field: string; resource: string },
): boolean {
  const names = [field, `${resource}.${field}`, `${resource.split('.').at(-1) ?? ''}.${field}`]
  return redact.some((each) =>
    'fields' in each
      ? names.some(anyGlob(each.fields))
      : 'detector' in each && each.detector === detector && detector !== 'generic_secret',
  )
}

function unlimited({ rules = [] }: Policy): Finding[] {
  const without = rules
    .map((rule, i) => ({ rule, id: ruleId(rule, i) }))
    .filter(({ rule }) => rule.decision === 'allow' && rule.limits?.rate_limit === undefined)
    .map(({ id }) => `\`${id}\``)
  if (without.length === 0) return []
  const some = without.slice(0, 6).join(', ')
  const message = `Nothing bounds how often ${some}${without.length > 6 ? ' and others' : ''} can be used: an agent in a loop is stopped by nobody.`
  return [
    finding('low', 'no_rate_limit', message, 'add limits: { rate_limit: { calls: 60, per: 1m, by: key } }'),
  ]
}

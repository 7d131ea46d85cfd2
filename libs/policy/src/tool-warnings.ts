// Rules and the tools they name: tools that are not there, that touch other things than the rule tests, or whose
// facts are only guessed.
import type { Conditions } from './conditions-schema.ts'
import { globMatcher, isGlob, matchesAll } from './globs.ts'
import { isUnconditional } from './implication.ts'
import { KINDS } from './matching.ts'
import type { Kind } from './matching.ts'
import { placeOf } from './condition-warnings.ts'
import { ofKey, quoted, warning } from './problem.ts'
import type { Problem } from './problem.ts'
import { listOf } from './schema.ts'
import type { Policy, Rule } from './schema.ts'
import { isConnectorTool, kindsOfTool } from './tool-kinds.ts'
import type { Declarations, Kinds } from './tool-kinds.ts'
import { DEFAULT_METHOD } from './tool-name.ts'
import type { JsonPath } from './yaml-document.ts'

/** One tool that the project's upstreams and connectors offer; `guessed` when nobody declared what it touches. */
export type OfferedTool = { tool: string; guessed: boolean }

/** Patterns that are held against the tools there are. A document of the largest size stays quick to check. */
const MAX_PATTERNS = 500

export function toolWarnings(policy: Policy, offered: readonly OfferedTool[] | undefined): Problem[] {
  const look = offered === undefined ? undefined : lookup(offered)
  const declared = policy.facts ?? {}
  return [
    ...declarationWarnings(declared, look),
    ...(policy.rules ?? []).flatMap((rule, i) => {
      const isCall = listOf(rule.method ?? DEFAULT_METHOD).includes(DEFAULT_METHOD)
      return [
        ...openWarnings(rule, ['rules', i]),
        ...(isCall ? offerWarnings(rule, ['rules', i], look) : []),
        ...(isCall ? kindWarnings(rule, ['rules', i], declared) : []),
      ]
    }),
  ]
}

type Seen = { found: boolean; near?: string; guessed?: string }
type Look = (glob: string) => Seen | undefined

function lookup(offered: readonly OfferedTool[]): Look {
  const byName = new Map(offered.map((each) => [each.tool, each]))
  const byLowerName = new Map(offered.map(({ tool }) => [tool.toLowerCase(), tool]))
  const seen = new Map<string, Seen>()
  return (glob) => {
    const known = seen.get(glob)
    if (known !== undefined) return known
    if (isGlob(glob) && seen.size >= MAX_PATTERNS) return undefined
    const tools = isGlob(glob)
      ? matching(glob, offered)
      : [byName.get(glob)].filter((each) => each !== undefined)
    const near = byLowerName.get(glob.toLowerCase())
    const guessed = tools.find((each) => each.guessed)?.tool
    const made: Seen = {
      found: tools.length > 0,
      ...(near === undefined ? {} : { near }),
      ...(guessed === undefined ? {} : { guessed }),
    }
    seen.set(glob, made)
    return made
  }
}

function matching(glob: string, offered: readonly OfferedTool[]): OfferedTool[] {
  const matches = globMatcher(glob)
  return offered.filter(({ tool }) => matches(tool))
}

function declarationWarnings(declared: Declarations, look: Look | undefined): Problem[] {
  return Object.keys(declared).flatMap((glob) => {
    const at = ['facts', glob]
    if (isConnectorTool(glob)) {
      const message = `${quoted(glob)} is a connector of ours: it has the facts it has, and this entry says nothing.`
      return [ofKey(warning(at, 'facts_of_connector', message, 'remove it'))]
    }
    return look?.(glob)?.found === false ? [ofKey(noSuchTool(at, glob, look(glob)))] : []
  })
}

function noSuchTool(at: JsonPath, glob: string, seen: Seen | undefined): Problem {
  const fix = seen?.near === undefined ? undefined : `write ${seen.near}`
  return warning(at, 'no_such_tool', `No tool of this project matches ${quoted(glob)}.`, fix)
}

/** `default: allow` denies what is not known; a rule without conditions allows that too. */
function openWarnings(rule: Rule, path: JsonPath): Problem[] {
  if (rule.decision !== 'allow' || !isUnconditional(rule)) return []
  const i = listOf(rule.tool).findIndex(matchesAll)
  if (i === -1) return []
  const message = 'This allows every call of every tool, also those of which nothing is known.'
  const fix = 'name the tools, or write `default: allow`, which denies what is not known'
  return [warning(placeOf(rule.tool, [...path, 'tool'], i), 'allows_everything', message, fix)]
}

function offerWarnings(rule: Rule, path: JsonPath, look: Look | undefined): Problem[] {
  if (look === undefined) return []
  return listOf(rule.tool).flatMap((glob, i) => {
    const at = placeOf(rule.tool, [...path, 'tool'], i)
    const seen = look(glob)
    if (seen === undefined) return []
    if (!seen.found) return [noSuchTool(at, glob, seen)]
    if (seen.guessed === undefined || testedKinds(rule.conditions).length === 0) return []
    const message = `The facts of ${seen.guessed.slice(0, 128)} are only guessed from the names and shapes of its arguments.`
    const fix = 'declare them under `facts:`, or say which public server it is'
    return [warning(at, 'guessed_facts', message, fix)]
  })
}

const CONDITIONS_OF = {
  paths: ['path_prefix'],
  urls: ['allowed_domains', 'blocked_domains'],
  accesses: ['connection', 'operations', 'resources', 'fields', 'functions'],
} as const satisfies Record<Kind, readonly (keyof Conditions)[]>
const IN_WORDS: Record<Kind, string> = { paths: 'paths', urls: 'URLs', accesses: 'data' }

function testedKinds(conditions: Conditions = {}): Kind[] {
  return KINDS.filter((kind) => firstCondition(conditions, kind) !== undefined)
}

function firstCondition(conditions: Conditions, kind: Kind): keyof Conditions | undefined {
  return CONDITIONS_OF[kind].find((name) => conditions[name] !== undefined)
}

function kindWarnings(
  { tool, conditions = {}, decision }: Rule,
  path: JsonPath,
  declared: Declarations,
): Problem[] {
  const tested = testedKinds(conditions)
  const touched = listOf(tool).map((glob) => kindsOfTool(glob, declared))
  if (tested.length === 0 || touched.some((kinds) => kinds === undefined)) return []
  const known = touched as Kinds[]
  const at = (kind: Kind) => [...path, 'conditions', firstCondition(conditions, kind) ?? '']
  if (!known.some((kinds) => tested.every((kind) => kinds.has(kind)))) {
    const missing = tested.find((kind) => !known.some((kinds) => kinds.has(kind)))
    const message =
      missing === undefined
        ? 'No tool of this rule touches all that it tests: it never decides.'
        : `The tools of this rule touch no ${IN_WORDS[missing]}: it never decides.`
    const fix = missing === undefined ? 'write one rule for each kind of tool' : 'remove the condition'
    return [ofKey(warning(at(missing ?? tested[0] ?? 'paths'), 'kind_not_touched', message, fix))]
  }
  const left = KINDS.find((kind) => !tested.includes(kind) && known.every((kinds) => kinds.has(kind)))
  if (decision === 'deny' || left === undefined) return []
  const message = `Every call of this tool touches ${IN_WORDS[left]} too, which the rule leaves untested: it never holds.`
  const fix = `test them too: ${OPENED[left]} opens them all`
  return [ofKey(warning(at(tested[0] ?? 'paths'), 'kind_left_untested', message, fix))]
}

const OPENED: Record<Kind, string> = {
  paths: 'path_prefix: /',
  urls: 'allowed_domains: ["*"]',
  accesses: 'resources: ["*"]',
}

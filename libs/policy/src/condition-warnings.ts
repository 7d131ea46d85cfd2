// Conditions that are allowed and yet hardly meant.
import type { Conditions, Constraint } from './conditions-schema.ts'
import { isLocalHost, readDomain } from './domains.ts'
import { isGlob } from './globs.ts'
import { ofKey, quoted, warning } from './problem.ts'
import type { Problem } from './problem.ts'
import { listOf } from './schema.ts'
import type { Rule } from './schema.ts'
import type { JsonPath } from './yaml-document.ts'

export function conditionWarnings({ conditions = {}, decision }: Rule, path: JsonPath): Problem[] {
  return [
    ...agentWarnings(conditions, decision, path),
    ...pathWarnings(conditions, path),
    ...domainWarnings(conditions, decision, path),
    ...functionWarnings(conditions, decision, path),
    ...Object.entries(conditions.parameters ?? {}).flatMap(([name, constraint]) =>
      constraintWarnings(constraint, [...path, 'parameters', name]),
    ),
  ]
}

/** Where an entry stands that may be written alone or in a list. */
export function placeOf(
  entries: string | readonly string[] | undefined,
  path: JsonPath,
  i: number,
): JsonPath {
  return Array.isArray(entries) ? [...path, i] : path
}

function agentWarnings({ agent }: Conditions, decision: Rule['decision'], path: JsonPath): Problem[] {
  if (agent === undefined || decision !== 'allow') return []
  const message =
    '`agent` is what the client says of itself: anyone can say it. It must not be what allows a call.'
  return [ofKey(warning([...path, 'agent'], 'agent_allows', message, 'test `key` or `user`'))]
}

function pathWarnings({ path_prefix }: Conditions, path: JsonPath): Problem[] {
  return listOf(path_prefix ?? []).flatMap((prefix, i) => {
    if (!isGlob(prefix)) return []
    const message = 'path_prefix is a folder, not a glob: * and ? stand for themselves.'
    const folder = prefix.slice(0, prefix.search(/[*?]/)).replace(/[^/]*$/, '')
    const fix = folder === '' ? 'name the folder only' : `write ${folder}`
    return [warning(placeOf(path_prefix, [...path, 'path_prefix'], i), 'glob_in_path', message, fix)]
  })
}

function domainWarnings(
  { allowed_domains, blocked_domains }: Conditions,
  decision: Rule['decision'],
  path: JsonPath,
): Problem[] {
  const problems = listOf(allowed_domains ?? []).flatMap((entry, i) => {
    const read = readDomain(entry)
    if ('problem' in read || read.match !== 'below' || !isLocalHost(`x.${read.host}`)) return []
    const message = `${quoted(entry)} never matches: local hosts must be named one by one.`
    return [warning(placeOf(allowed_domains, [...path, 'allowed_domains'], i), 'never_matches', message)]
  })
  if (decision === 'allow' && blocked_domains !== undefined && allowed_domains === undefined) {
    const message =
      'What is not blocked is allowed, this machine, its network and metadata hosts such as 169.254.169.254 included.'
    const fix = 'add allowed_domains: ["*"], which leaves local hosts out'
    problems.push(ofKey(warning([...path, 'blocked_domains'], 'local_hosts_open', message, fix)))
  }
  return problems
}

function functionWarnings({ functions }: Conditions, decision: Rule['decision'], path: JsonPath): Problem[] {
  if (decision === 'deny') return []
  return listOf(functions ?? []).flatMap((glob, i) => {
    if (glob === glob.toLowerCase()) return []
    const message = `Functions are compared in lower case: ${quoted(glob)} never matches.`
    const fix = `write ${glob.toLowerCase()}`
    return [warning(placeOf(functions, [...path, 'functions'], i), 'never_matches', message, fix)]
  })
}

type Item = Omit<Constraint, 'items' | 'required'> & { items?: Item | undefined }

const NEEDS = {
  pattern: ['string'],
  format: ['string'],
  minLength: ['string'],
  maxLength: ['string'],
  minimum: ['number', 'integer'],
  maximum: ['number', 'integer'],
  items: ['array'],
} as const

/** Keywords that need values of another type than the constraint says, or than another keyword needs. */
function constraintWarnings(constraint: Item, path: JsonPath): Problem[] {
  const problems: Problem[] = []
  let types: readonly string[] | undefined =
    constraint.type === undefined ? undefined : listOf(constraint.type)
  for (const keyword of Object.keys(NEEDS) as (keyof typeof NEEDS)[]) {
    if (constraint[keyword] === undefined) continue
    const needed: readonly string[] = NEEDS[keyword]
    if (types !== undefined && !types.some((type) => needed.includes(type))) {
      const message = `No value satisfies this: \`${keyword}\` is about a ${needed[0]}, and the value must be ${types.join(' or ')}.`
      problems.push(
        ofKey(warning([...path, keyword], 'contradicting_constraint', message, `remove ${keyword}`)),
      )
    } else types ??= needed
  }
  const { items } = constraint
  return items === undefined ? problems : [...problems, ...constraintWarnings(items, [...path, 'items'])]
}

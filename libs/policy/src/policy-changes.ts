// What one policy decides otherwise than another, told to people: what it opens, and, by comparing the other way round,
// what it closes. Both are complete; examples are found by trying and need not exist.
import { compile, ORGANIZATION_PREFIX } from './compile.ts'
import type { CompiledPolicy } from './compile.ts'
import { decide } from './decide.ts'
import { openingsOf } from './openings.ts'
import type { Documents, NamedRule, Opening } from './openings.ts'
import { ruleId } from './schema.ts'
import type { DecisionWord } from './schema.ts'
import type { Probe } from './probes.ts'
import { owedAsNoun, ruleInWords, scopeInWords } from './rule-wording.ts'
import { isAt } from './spots.ts'
import type { Spot } from './spots.ts'
import { shown } from './wording.ts'

type Decided = { decision: DecisionWord; rule: string }
export type Example = { call: string; before: Decided; after: Decided }

export type Change = {
  kind: 'rule' | 'order' | 'default' | 'facts' | 'limits' | 'redaction'
  rule: string | null
  text: string
  examples: Example[]
  /** Which calls it may be about. */
  spots: Spot[]
}

export type Changes = {
  newly_allowed: Change[]
  newly_asked: Change[]
  newly_denied: Change[]
  /** Whether all of it could be compared; else nothing is listed. */
  complete: boolean
}

const MAX_EXAMPLES = 3

/** What `after` decides otherwise than `before`. `probes` are calls to find examples among. */
export function policyChanges(before: Documents, after: Documents, probes: Iterable<Probe> = []): Changes {
  const [opened, closed] = [openingsOf(before, after), openingsOf(after, before)]
  if (!opened.complete || !closed.complete)
    return { newly_allowed: [], newly_asked: [], newly_denied: [], complete: false }
  const texts = { opens: openedInWords(before), closes: closedInWords(before) }
  const asks = opened.openings.filter((each) => 'to' in each && each.to === 'ask')
  const opens = opened.openings.filter((each) => !asks.includes(each))
  const changes = {
    newly_allowed: opens.map((each) => changeOf(each, texts.opens)),
    newly_asked: asks.map((each) => changeOf(each, texts.opens)),
    // Facts drawn otherwise are told once.
    newly_denied: closed.openings
      .filter(({ kind }) => kind !== 'facts')
      .map((each) => changeOf(each, texts.closes)),
  }
  addExamples(changes, { before: compiledOf(before), after: compiledOf(after) }, probes)
  return { ...changes, complete: true }
}

function compiledOf({ policy, above }: Documents): CompiledPolicy {
  return compile(policy, above === undefined ? {} : { above })
}

function changeOf(opening: Opening, inWords: (opening: Opening) => string): Change {
  return {
    kind: kindOf(opening),
    rule: 'rule' in opening ? (opening.rule?.id ?? null) : null,
    text: inWords(opening),
    examples: [],
    spots: opening.spots,
  }
}

function kindOf(opening: Opening): Change['kind'] {
  if (opening.kind !== 'owed') return opening.kind
  return opening.owed.kind === 'redact' || opening.owed.kind === 'deny_arguments' ? 'redaction' : 'limits'
}

const idsOf = ({ policy, above }: Documents) =>
  new Set([
    ...(policy.rules ?? []).map(ruleId),
    ...(above?.rules ?? []).map((rule, i) => ORGANIZATION_PREFIX + ruleId(rule, i)),
  ])

const named = ({ id }: NamedRule) => `\`${shown(id)}\``

function openedInWords(before: Documents): (opening: Opening) => string {
  const had = idsOf(before)
  return (opening) => {
    switch (opening.kind) {
      case 'rule': {
        const verb = had.has(opening.rule.id) ? 'is new or wider' : 'is new'
        return `${named(opening.rule)} ${verb}. ${ruleInWords(opening.rule.rule)}`
      }
      case 'order': {
        const gone = `${named(opening.blocker)}, which ${KEEPS[opening.blocker.rule.decision]} ${scopeInWords(opening.blocker.rule)},`
        const whose =
          opening.rule === null ? 'what is allowed by default' : `what ${named(opening.rule)} opens`
        return `${gone} is gone, narrower, lower or only asks now, and keeps less from ${whose}.`
      }
      case 'default':
        return 'What no rule decides is allowed now, unless something about it is unknown; it was denied.'
      case 'facts':
        return `What calls of ${shown(opening.pattern)} touch is read otherwise (\`facts\`): rules may decide them otherwise.`
      case 'owed':
        return `Calls that ${named(opening.rule)} speaks of (${scopeInWords(opening.rule.rule)}) may go through without ${owedAsNoun(opening.owed)}.`
    }
  }
}

function closedInWords(before: Documents): (opening: Opening) => string {
  const had = idsOf(before)
  return (opening) => {
    switch (opening.kind) {
      case 'rule': {
        const verb = opening.to === 'ask' ? 'asked for' : 'allowed'
        return `${named(opening.rule)} ${verb} more than now: ${scopeInWords(opening.rule.rule)}.`
      }
      case 'order': {
        const verb = had.has(opening.blocker.id) ? 'is new, wider or higher' : 'is new'
        const whose =
          opening.rule === null ? 'what is allowed by default' : `what ${named(opening.rule)} opens`
        return `${named(opening.blocker)} ${verb} and stands in the way of ${whose}. ${ruleInWords(opening.blocker.rule)}`
      }
      case 'default':
        return 'What no rule decides is denied now; it was allowed, unless something about it was unknown.'
      case 'facts':
        return `What calls of ${shown(opening.pattern)} touch is read otherwise (\`facts\`).`
      case 'owed':
        return `Calls that ${named(opening.rule)} speaks of (${scopeInWords(opening.rule.rule)}) owe ${owedAsNoun(opening.owed)}.`
    }
  }
}

const KEEPS = { allow: 'allows', deny: 'denies', ask: 'asks before' }
const ORDER = { deny: 0, ask: 1, allow: 2 }

type Lists = Pick<Changes, 'newly_allowed' | 'newly_asked' | 'newly_denied'>

function addExamples(
  lists: Lists,
  { before, after }: { before: CompiledPolicy; after: CompiledPolicy },
  probes: Iterable<Probe>,
): void {
  if (Object.values(lists).every((list) => list.length === 0)) return
  for (const { facts, context, call } of probes) {
    const [was, is] = [decide(before, facts, context), decide(after, facts, context)]
    if (was.decision === is.decision) continue
    const rises = ORDER[is.decision] > ORDER[was.decision]
    const list = !rises
      ? lists.newly_denied
      : is.decision === 'ask' && lists.newly_asked.length > 0
        ? lists.newly_asked
        : lists.newly_allowed
    const change = changeFor(list, facts, rises ? is.rule : was.rule)
    if (change === undefined || change.examples.length >= MAX_EXAMPLES) continue
    change.examples.push({
      call,
      before: { decision: was.decision, rule: was.rule },
      after: { decision: is.decision, rule: is.rule },
    })
  }
}

/** The change that such a call is an example of: of the rule that decides it, or else of its tool. */
function changeFor(
  list: readonly Change[],
  { tool, method }: { tool: string; method: string },
  rule: string,
): Change | undefined {
  const about = list.filter(
    ({ kind, spots }) =>
      kind !== 'limits' && kind !== 'redaction' && spots.some((spot) => isAt(spot, tool, method)),
  )
  return about.find((each) => each.rule === rule || (rule === 'default' && each.rule === null)) ?? about[0]
}

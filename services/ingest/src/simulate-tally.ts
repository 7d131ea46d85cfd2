// What a simulation answers, counted call by call.
import type { NotReplayable, OutsidePolicy, Simulation } from '@mcpshield/contracts/ingest'
import type { DecisionWord } from '@mcpshield/policy/schema'
import { timeMsOf } from './rows.ts'
import { outsidePolicy } from './simulate-outside.ts'
import type { CallRow } from './simulate-queries.ts'
import type { KnownKey } from './simulate-record.ts'
import type { Replay, Replayed } from './simulate-replay.ts'

const MAX_EXAMPLES = 200
/** Of a name in an example, in UTF-16 units: callers choose them, and all has to fit into a message of the bus. */
const MAX_NAME_UNITS = 1_000

const MESSAGES: Record<NotReplayable, string> = {
  redacted: 'The decision depends on something that the record has redacted or shortened.',
  key_unknown: 'The decision depends on the name or labels of an API key that is not known any more.',
  facts_declared_otherwise: 'The policy of then declared other facts for this tool than the draft does.',
  too_large: 'The record is larger than a simulation reads.',
  no_facts: 'The record has no facts: no policy was in force for them to be drawn by.',
}

type Counted = Pick<
  Simulation,
  'calls' | 'unchanged' | 'changed' | 'not_replayable' | 'outside_policy' | 'examples' | 'rules'
>

export type Tally = {
  add(row: CallRow, replay: Replay): void
  result(): Counted
}

/** `rules`: the draft's ids, in the order in which they are told. */
export function tally(rules: readonly string[], keys: ReadonlyMap<string, KnownKey>): Tally {
  const byRule = new Map(rules.map((rule) => [rule, 0]))
  const transitions = new Map<`${DecisionWord} ${DecisionWord}`, number>()
  const unreplayed = new Map<NotReplayable, number>()
  const outside = new Map<OutsidePolicy, number>()
  const outsideNow = { allow: 0, deny: 0, ask: 0, not_replayable: 0 }
  const examples: Simulation['examples'] = []
  let unchanged = 0

  const compare = (row: CallRow, now: Replayed) => {
    if (row.decision === now.decision || row.decision === '') return void unchanged++
    plusOne(transitions, `${row.decision} ${now.decision}`)
    if (examples.length < MAX_EXAMPLES) examples.push(exampleOf(row, row.decision, now, keys))
  }
  return {
    add(row, replay) {
      if (typeof replay === 'object') plusOne(byRule, replay.rule)
      const why = outsidePolicy(row)
      if (why !== undefined) {
        plusOne(outside, why)
        outsideNow[typeof replay === 'object' ? replay.decision : 'not_replayable']++
      } else if (typeof replay === 'object') compare(row, replay)
      else plusOne(unreplayed, replay)
    },
    result() {
      const changed = [...transitions].map(([names, calls]) => {
        const [from, to] = names.split(' ') as [DecisionWord, DecisionWord]
        return { from, to, calls }
      })
      const not_replayable = {
        calls: sum(unreplayed.values()),
        reasons: mostFirst(
          [...unreplayed].map(([reason, calls]) => ({ reason, message: MESSAGES[reason], calls })),
        ),
      }
      const outside_policy = {
        calls: sum(outside.values()),
        reasons: mostFirst([...outside].map(([reason, calls]) => ({ reason, calls }))),
        ...outsideNow,
      }
      const changedCalls = sum(transitions.values())
      return {
        calls: unchanged + changedCalls + not_replayable.calls + outside_policy.calls,
        unchanged,
        changed: { calls: changedCalls, transitions: mostFirst(changed) },
        not_replayable,
        outside_policy,
        examples,
        rules: [...byRule].map(([rule, calls]) => ({ rule, calls })),
      }
    },
  }
}

function exampleOf(
  row: CallRow,
  decision: DecisionWord,
  after: Replayed,
  keys: ReadonlyMap<string, KnownKey>,
): Simulation['examples'][number] {
  return {
    id: row.id,
    time: new Date(timeMsOf(row)).toISOString(),
    tool: shortened(row.tool),
    agent: row.agent === null ? null : shortened(row.agent),
    key_id: row.key_id,
    key: row.key_id === null ? null : (keys.get(row.key_id)?.name ?? null),
    before: { decision, rule: row.rule },
    after: { decision: after.decision, rule: after.rule, reason: after.reason },
  }
}

function shortened(name: string): string {
  return name.length <= MAX_NAME_UNITS ? name : `${name.slice(0, MAX_NAME_UNITS).toWellFormed()}…`
}

function plusOne<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function sum(counts: Iterable<number>): number {
  let total = 0
  for (const count of counts) total += count
  return total
}

function mostFirst<T extends { calls: number }>(counted: T[]): T[] {
  return counted.sort((a, b) => b.calls - a.calls)
}

// Who calls, and when, as a rule has it: inside, and the nearest outside.
import type { JsonObject } from '@mcpshield/policy/facts'
import { isGlob } from '@mcpshield/policy/globs'
import { listOf, type Rule } from '@mcpshield/policy/schema'
import { readTimeWindow } from '@mcpshield/policy/time-window'
import type { KnownSystems } from './knowledge.ts'

/** Any Monday: times are tried from here on. */
const MONDAY = Date.UTC(2026, 0, 5)
const HOUR_MS = 3_600_000
const HOURS_OF_WEEK = 168

type Circumstances = { inside: JsonObject; outside?: { what: string; context: JsonObject } }

/** Undefined where no time lies inside the rule's window. */
export function circumstancesOf(
  { conditions = {} }: Rule,
  { environment }: KnownSystems,
): Circumstances | undefined {
  const inside: JsonObject = {}
  const one = (name: 'key' | 'user') => {
    const [first] = listOf(conditions[name] ?? [])
    if (first !== undefined) inside[name] = first.replace(/\*+/g, 'x')
  }
  one('key')
  one('user')
  for (const name of ['labels', 'groups'] as const) {
    const [first] = listOf(conditions[name] ?? [])
    if (first !== undefined) inside[name] = [first.replace(/\*+/g, 'x')]
  }
  if (conditions.environment !== undefined) {
    const [first = environment] = listOf(conditions.environment)
    inside['environment'] = isGlob(first) ? environment : first
  }
  if (conditions.time === undefined) return { inside }
  const times = timesOf(conditions.time)
  if (times === undefined) return undefined
  return {
    inside: { ...inside, time: times.inside },
    ...(times.outside === undefined
      ? {}
      : { outside: { what: 'at another time', context: { ...inside, time: times.outside } } }),
  }
}

function timesOf(
  window: NonNullable<NonNullable<Rule['conditions']>['time']>,
): { inside: string; outside: string | undefined } | undefined {
  const read = readTimeWindow(window)
  if ('problem' in read) return undefined
  const hours = Array.from({ length: HOURS_OF_WEEK }, (_, hour) => MONDAY + hour * HOUR_MS + HOUR_MS / 2)
  const [inside, outside] = [
    hours.find((each) => read.inside(each)),
    hours.find((each) => !read.inside(each)),
  ]
  if (inside === undefined) return undefined
  return {
    inside: new Date(inside).toISOString(),
    outside: outside === undefined ? undefined : new Date(outside).toISOString(),
  }
}

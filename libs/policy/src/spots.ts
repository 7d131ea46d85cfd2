// Where two rules meet: the tools and methods that both speak of. Patterns are compared, no calls.
import { mayOverlap } from './apart.ts'
import { anyGlob, covers } from './globs.ts'
import { spend } from './implication.ts'
import type { Budget } from './implication.ts'
import { listOf } from './schema.ts'
import type { Rule } from './schema.ts'
import { DEFAULT_METHOD } from './tool-name.ts'

/** Calls of these tools by these methods: patterns. */
export type Spot = { tool: string; method: string }

/** Whether calls of the tool by the method are there. */
export function isAt(spot: Spot, tool: string, method: string): boolean {
  return anyGlob([spot.tool])(tool) && anyGlob([spot.method])(method)
}

const toolsOf = (rule: Rule) => listOf(rule.tool)
const methodsOf = (rule: Rule) => listOf(rule.method ?? DEFAULT_METHOD)

/** Each of the rule's tools with each of its methods. */
export function spotsOf(rule: Rule): Spot[] {
  return toolsOf(rule).flatMap((tool) => methodsOf(rule).map((method) => ({ tool, method })))
}

/** Whether the rule looks at some call there. */
export function speaks(rule: Rule, spot: Spot, budget: Budget): boolean {
  const overlaps = (patterns: readonly string[], pattern: string) =>
    patterns.some((each) => spend(budget, each, pattern) && mayOverlap(each, pattern))
  // Out of breath, it is taken to speak.
  return (overlaps(toolsOf(rule), spot.tool) && overlaps(methodsOf(rule), spot.method)) || budget.left <= 0
}

/** Whether the rule looks at every call there. */
export function coversSpot(rule: Rule, spot: Spot, budget: Budget): boolean {
  return coveredBy(toolsOf(rule), spot.tool, budget) && coveredBy(methodsOf(rule), spot.method, budget)
}

/** Whether `outer` looks at every call there that `inner` looks at. */
export function coversPart(outer: Rule, inner: Rule, spot: Spot, budget: Budget): boolean {
  const part = (patterns: readonly string[], at: string) => {
    const within = patterns.filter((each) => mayOverlap(each, at))
    return (by: readonly string[]) =>
      coveredBy(by, at, budget) || within.every((each) => coveredBy(by, each, budget))
  }
  return (
    part(toolsOf(inner), spot.tool)(toolsOf(outer)) && part(methodsOf(inner), spot.method)(methodsOf(outer))
  )
}

function coveredBy(patterns: readonly string[], pattern: string, budget: Budget): boolean {
  return patterns.some((each) => spend(budget, each, pattern) && covers(each, pattern))
}

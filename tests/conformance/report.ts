// The results of several runs, side by side.
import { table } from '@mcpshield/infra/dev/table.ts'
import type { ScenarioResult } from './suite.ts'

const MAX_PROBLEM = 400

/** One way on which a set was run. */
export type Column = { name: string; results: ScenarioResult[] }

export function resultTable(title: string, columns: Column[]): string {
  const scenarios = columns[0]?.results ?? []
  const rows = scenarios.map(({ scenario, notScored }) => [
    scenario,
    ...columns.map(({ results }) => verdict(results.find((result) => result.scenario === scenario))),
    notScored === undefined ? '' : `not scored: ${notScored}`,
  ])
  return `${title}\n\n${table(['scenario', ...columns.map(({ name }) => name), 'note'], rows)}`
}

/** What went wrong, one line each. */
export function problemLines(title: string, columns: Column[]): string[] {
  return columns.flatMap(({ name, results }) =>
    results.flatMap(({ scenario, failures, warnings }) => [
      ...failures.map((failure) => clip(`${title}, ${name}, ${scenario}: ${failure}`)),
      ...warnings.map((warning) => clip(`${title}, ${name}, ${scenario}: warning: ${warning}`)),
    ]),
  )
}

/** Some problems quote the whole message. */
function clip(line: string): string {
  return line.length <= MAX_PROBLEM ? line : `${line.slice(0, MAX_PROBLEM)}…`
}

export function totals(results: ScenarioResult[]): { passed: number; scored: number } {
  const scored = results.filter(({ notScored }) => notScored === undefined)
  return { passed: scored.filter(({ passed }) => passed).length, scored: scored.length }
}

export function totalLine(title: string, columns: Column[]): string {
  const parts = columns.map(({ name, results }) => {
    const { passed, scored } = totals(results)
    const others = results.filter(({ notScored }) => notScored !== undefined)
    const more = others.filter(({ passed }) => passed).length
    return `${name} ${passed}/${scored}${others.length === 0 ? '' : ` (and ${more}/${others.length} not scored)`}`
  })
  return `${title}: ${parts.join(', ')}`
}

function verdict(result: ScenarioResult | undefined): string {
  if (result === undefined) return '–'
  if (!result.passed) return 'FAILED'
  return result.warnings.length === 0 ? 'ok' : `ok, ${result.warnings.length} warnings`
}

// `mcpshield policy simulate FILE --project ID`: a project's recorded calls, decided by a draft at the server.
import type { Diagnostic } from '@mcpshield/policy/parse'
import { MAX_BYTES } from '@mcpshield/policy/yaml-document'
import { colorsFor, diagnosticsText } from '../diagnostics-text.ts'
import { readBeginning } from '../files.ts'
import { printable } from '../printable.ts'
import { readOrigin } from '../policy-origin.ts'
import { openPolicies } from '../project-policies.ts'
import { member, refused } from '../rest-client.ts'
import { tableText } from '../table.ts'
import { DONE, NEGATIVE, write, type World } from '../world.ts'

export type SimulateOptions = { project?: string; days: number; api?: string; email?: string; json?: boolean }

/** What of the API's answer is shown. */
type Simulation = {
  days: number
  calls: number
  unchanged: number
  changed: { calls: number; transitions: { from: string; to: string; calls: number }[] }
  not_replayable: { calls: number; reasons: { message: string; calls: number }[] }
  outside_policy: { calls: number }
  examples: Example[]
  truncated: boolean
}
type Example = {
  time: string
  tool: string
  agent: string | null
  before: { decision: string; rule: string }
  after: { decision: string; rule: string; reason: string }
}

/** Somewhat longer than the server gives itself. */
const WITHIN_MS = 70_000

/** Calls that change are what a draft is for: only a draft with errors is a negative answer. */
export async function policySimulate(world: World, file: string, options: SimulateOptions): Promise<number> {
  // The server says what is wrong with a longer one.
  const { text } = await readBeginning(world, file, MAX_BYTES)
  const origin = file === '-' ? undefined : await readOrigin(file)
  const { api, path: policy } = await openPolicies(world, options, origin)
  const path = `${policy}/simulate`
  const { status, body } = await api.request(
    'POST',
    path,
    { policy_yaml: text, days: options.days },
    WITHIN_MS,
  )
  const diagnostics = member(body, 'diagnostics')
  if (status === 422 && Array.isArray(diagnostics)) {
    const asJson = `${JSON.stringify({ file, diagnostics })}\n`
    const shown = options.json ? asJson : diagnosticsText(world, file, text, diagnostics as Diagnostic[])
    await write(world.stdout, shown)
    return NEGATIVE
  }
  if (status !== 200) throw refused(status, body)
  await write(world.stdout, options.json ? `${JSON.stringify(body)}\n` : simulationText(world, status, body))
  return DONE
}

function simulationText(world: World, status: number, body: unknown): string {
  let text: string
  try {
    text = summary(body as Simulation) + table((body as Simulation).examples)
  } catch {
    throw refused(status, undefined)
  }
  const hint = (body as Simulation).truncated ? 'Older calls were not looked at: there are too many.\n' : ''
  return `${text}${colorsFor(world, world.stdout).yellow(hint)}`
}

function summary({ days, calls, unchanged, changed, not_replayable, outside_policy }: Simulation): string {
  const rows: [string, number][] = [
    ['unchanged', unchanged],
    ['changed', changed.calls],
    ...changed.transitions.map(({ from, to, calls }): [string, number] => [`  ${from} → ${to}`, calls]),
    ['cannot be replayed', not_replayable.calls],
    ...not_replayable.reasons.map(({ message, calls }): [string, number] => [`  ${message}`, calls]),
    ['denied outside the policy', outside_policy.calls],
  ]
  const shown = rows.map(([name, number]) => `${String(number).padStart(10)}  ${printable(name)}\n`)
  return `${calls} calls of the last ${days} days\n${shown.join('')}`
}

/** The calls that would change, newest first. */
function table(examples: Example[]): string {
  if (examples.length === 0) return ''
  const rows = examples.map(({ time, tool, agent, before, after }) => [
    time,
    tool,
    agent ?? '-',
    `${before.decision} (${before.rule})`,
    `${after.decision} (${after.rule})`,
    after.reason,
  ])
  return `\n${tableText(['time', 'tool', 'agent', 'before', 'after', 'why'], rows)}`
}

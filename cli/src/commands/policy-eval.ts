// `mcpshield policy eval --policy FILE [calls.jsonl]`
import type { Context, JsonObject } from '@mcpshield/policy/facts'
import type { Policy } from '@mcpshield/policy/schema'
import { colorsFor, diagnosticText, linesOf } from '../diagnostics-text.ts'
import { answerLines, isObject, LineError, type AnswerLine } from '../json-lines.ts'
import { offlineDecisions, type Decided } from '../offline-decision.ts'
import { readPolicyFile, type PolicyFile } from '../policy-file.ts'
import { readSystems, type Systems } from '../systems-file.ts'
import { CommandError, DONE, NEGATIVE, type World } from '../world.ts'

export type PolicyEvalOptions = {
  policy: string
  organizationPolicy?: string
  connections?: string
  trace?: boolean
  facts?: boolean
}

/** Decides every call of the input. A denial is an answer like any other: only a bad policy is a negative one. */
export async function policyEval(
  world: World,
  file: string | undefined,
  options: PolicyEvalOptions,
): Promise<number> {
  refuseTwoFromStandardInput([options.policy, options.organizationPolicy, options.connections, file ?? '-'])
  const systems = await readSystems(world, options.connections)
  const own = await readPolicyFile(world, options.policy)
  const above =
    options.organizationPolicy === undefined
      ? undefined
      : await readPolicyFile(world, options.organizationPolicy, { organization: true })
  const bad = [own, above].filter((each) => each !== undefined && each.policy === undefined) as PolicyFile[]
  if (bad.length > 0) {
    tellErrors(world, bad)
    await answerLines(world, file, invalidPolicy(bad))
    return NEGATIVE
  }
  await answerLines(world, file, await decideLine(own.policy as Policy, above?.policy, systems, options))
  return DONE
}

function refuseTwoFromStandardInput(files: (string | undefined)[]): void {
  if (files.filter((file) => file === '-').length > 1)
    throw new CommandError('only one of the inputs can be standard input')
}

/** Once for people, beside the answer that every line gets. */
export function tellErrors(world: World, files: readonly PolicyFile[]): void {
  const colors = colorsFor(world, world.stderr)
  for (const { file, text, diagnostics } of files) {
    const lines = linesOf(text)
    for (const diagnostic of errorsOf(diagnostics))
      world.stderr.write(diagnosticText(file, lines, diagnostic, colors))
  }
}

function invalidPolicy(files: readonly PolicyFile[]): AnswerLine {
  const diagnostics = files.flatMap((each) =>
    errorsOf(each.diagnostics).map((diagnostic) => ({ file: each.file, ...diagnostic })),
  )
  const answer = { error: 'policy_invalid', diagnostics }
  return () => answer
}

function errorsOf<One extends { severity: string }>(diagnostics: readonly One[]): One[] {
  return diagnostics.filter(({ severity }) => severity === 'error')
}

async function decideLine(
  policy: Policy,
  above: Policy | undefined,
  systems: Systems,
  options: PolicyEvalOptions,
): Promise<AnswerLine> {
  const decisions = await offlineDecisions(policy, systems, above)
  const trace = options.trace === true
  return (line) => {
    const { method = 'tools/call', tool, arguments: args } = line
    if (typeof tool !== 'string') throw new LineError('tool must be a string')
    if (typeof method !== 'string') throw new LineError('method must be a string')
    return shown(decisions.decide({ method, tool, arguments: args }, contextOf(line), { trace }), options)
  }
}

/** Values of the wrong type are for the conditions to take as unknown, as they do everywhere. */
function contextOf({ context = {} }: JsonObject): Context {
  if (!isObject(context)) throw new LineError('context must be an object')
  return context
}

function shown({ decision: decided, facts }: Decided, options: PolicyEvalOptions): object {
  const { decision, rule, reason, obligations, trace } = decided
  const { paths, urls, accesses, guessed } = facts
  return {
    decision,
    rule,
    reason,
    obligations,
    ...(options.facts ? { facts: { paths, urls, accesses, ...(guessed ? { guessed } : {}) } } : {}),
    ...(options.trace ? { trace } : {}),
  }
}

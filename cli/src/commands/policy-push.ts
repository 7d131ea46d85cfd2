// `mcpshield policy push [FILE]`: a file as the newest version of a project's policy, if nobody saved another meanwhile.
import type { Diagnostic } from '@mcpshield/policy/parse'
import { MAX_BYTES } from '@mcpshield/policy/yaml-document'
import { bodyOf, jsonText, understood, WITHIN_MS } from '../answers.ts'
import { colorsFor, diagnosticsText } from '../diagnostics-text.ts'
import { readText } from '../files.ts'
import { readOrigin, sha256, writeOrigin, type PolicyOrigin } from '../policy-origin.ts'
import {
  isFrom,
  openPolicies,
  policyVersion,
  versionDiff,
  versionOf,
  type PolicyOptions,
  type ProjectPolicies,
} from '../project-policies.ts'
import { member } from '../rest-client.ts'
import { diffText, unifiedDiff } from '../text-diff.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'

export type PushOptions = PolicyOptions & { base?: number | 'latest'; note?: string }

export async function policyPush(world: World, file: string, options: PushOptions): Promise<number> {
  const text = await readText(world, file, MAX_BYTES)
  const origin = file === '-' ? undefined : await readOrigin(file)
  const policies = await openPolicies(world, options, origin)
  const { policy: current, body } = await policyVersion(policies)
  const base = baseOf(file, options, policies, origin, current.version)
  if (base !== current.version) return tellStale(world, file, policies, base, current.version)
  const keepOrigin = async (version: number) => {
    const { api, project } = policies
    if (file === '-') return
    await writeOrigin(file, { api: api.address, project_id: project, version, sha256: sha256(text) })
  }
  const diff = unifiedDiff(current.policy_yaml, text, { before: `version ${base}`, after: file })
  if (diff === '') {
    await keepOrigin(base)
    await write(world.stdout, options.json ? jsonText(body) : `Nothing to save: this is version ${base}.\n`)
    return DONE
  }
  if (!options.json) await write(world.stdout, diffText(diff, colorsFor(world, world.stdout)))
  const answered = await save(policies, text, base, options.note)
  if (answered.status === 412) {
    const { policy: newest } = await policyVersion(policies)
    return tellStale(world, file, policies, base, newest.version)
  }
  const errors = member(answered.body, 'diagnostics')
  if (answered.status === 422 && Array.isArray(errors))
    return tellErrors(world, file, text, errors as Diagnostic[], options)
  const saved = bodyOf(answered)
  const { version } = understood(() => versionOf(saved))
  await keepOrigin(version)
  await tellWarnings(world, file, text, saved)
  await write(world.stdout, options.json ? jsonText(saved) : `Saved as version ${version}.\n`)
  return DONE
}

/** The version that the file was made from, by the option or by what is kept beside the file. */
function baseOf(
  file: string,
  { base }: PushOptions,
  policies: ProjectPolicies,
  origin: PolicyOrigin | undefined,
  newest: number,
): number {
  if (base !== undefined) return base === 'latest' ? newest : base
  if (origin !== undefined && isFrom(origin, policies)) return origin.version
  const why = origin === undefined ? 'nothing beside it says' : 'it came from another project or server'
  throw new CommandError(
    `which version was ${file} made from? ${why}. Run mcpshield policy pull first, or give --base with its number; --base latest saves over whatever is in force`,
  )
}

function save({ api, path }: ProjectPolicies, policy_yaml: string, base: number, note: string | undefined) {
  const wanted = { policy_yaml, ...(note === undefined ? {} : { note }) }
  return api.request('PUT', path, wanted, WITHIN_MS, { 'if-match': `"${base}"` })
}

/** Shows what others did meanwhile, and how to go on without losing it. */
async function tellStale(
  world: World,
  file: string,
  policies: ProjectPolicies,
  base: number,
  newest: number,
): Promise<number> {
  const { diff } = await versionDiff(policies, newest, base)
  world.stderr.write(diffText(diff, colorsFor(world, world.stderr)))
  throw new CommandError(
    `not saved: ${file} was made from version ${base}, and version ${newest} is in force. Put the changes above into the file, then run mcpshield policy push ${file} --base ${newest}`,
    NEGATIVE,
  )
}

async function tellErrors(
  world: World,
  file: string,
  text: string,
  diagnostics: Diagnostic[],
  { json }: PushOptions,
): Promise<number> {
  const shown = json ? jsonText({ file, diagnostics }) : diagnosticsText(world, file, text, diagnostics)
  await write(world.stdout, shown)
  world.stderr.write('mcpshield: not saved\n')
  return NEGATIVE
}

async function tellWarnings(world: World, file: string, text: string, saved: unknown): Promise<void> {
  const warnings = member(saved, 'diagnostics')
  if (Array.isArray(warnings) && warnings.length > 0)
    await write(world.stderr, diagnosticsText(world, file, text, warnings as Diagnostic[]))
}

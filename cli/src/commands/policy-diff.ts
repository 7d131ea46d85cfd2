// `mcpshield policy diff [FILE]`: what leads from the policy in force to a file. 1 when there is anything, as diff has it.
import { MAX_BYTES } from '@mcpshield/policy/yaml-document'
import { jsonText } from '../answers.ts'
import { colorsFor } from '../diagnostics-text.ts'
import { readBeginning } from '../files.ts'
import { readOrigin } from '../policy-origin.ts'
import { openPolicies, policyVersion, type PolicyOptions } from '../project-policies.ts'
import { diffText, unifiedDiff } from '../text-diff.ts'
import { DONE, NEGATIVE, write, type World } from '../world.ts'

export type DiffOptions = PolicyOptions & { version?: number }

export async function policyDiff(world: World, file: string, options: DiffOptions): Promise<number> {
  const { text } = await readBeginning(world, file, MAX_BYTES)
  const policies = await openPolicies(world, options, file === '-' ? undefined : await readOrigin(file))
  const { policy } = await policyVersion(policies, options.version)
  const diff = unifiedDiff(policy.policy_yaml, text, { before: `version ${policy.version}`, after: file })
  const same = diff === ''
  if (options.json) await write(world.stdout, jsonText({ file, version: policy.version, same, diff }))
  else if (same) world.stderr.write(`mcpshield: ${file} is what version ${policy.version} says\n`)
  else await write(world.stdout, diffText(diff, colorsFor(world, world.stdout)))
  return same ? DONE : NEGATIVE
}

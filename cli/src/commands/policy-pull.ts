// `mcpshield policy pull [FILE]`: a project's policy into a file, with what `policy push` must know of it beside the file.
import { readFile } from 'node:fs/promises'
import { jsonText } from '../answers.ts'
import { originPath, readOrigin, sha256, writeOrigin, writeWhole } from '../policy-origin.ts'
import { openPolicies, policyVersion, type PolicyOptions } from '../project-policies.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'

export type PullOptions = PolicyOptions & { version?: number; force?: boolean }

export async function policyPull(world: World, file: string, options: PullOptions): Promise<number> {
  const toOutput = file === '-'
  const origin = toOutput ? undefined : await readOrigin(file)
  const policies = await openPolicies(world, options, origin)
  const { policy, body } = await policyVersion(policies, options.version)
  if (toOutput) {
    await write(world.stdout, options.json ? jsonText(body) : policy.policy_yaml)
    return DONE
  }
  if (options.force !== true) await refuseLoss(file, policy.policy_yaml, origin?.sha256)
  await writeWhole(file, policy.policy_yaml)
  await writeOrigin(file, {
    api: policies.api.address,
    project_id: policies.project,
    version: policy.version,
    sha256: sha256(policy.policy_yaml),
  })
  const said = `Version ${policy.version} is in ${file}; ${originPath(file)} says where it came from.\n`
  await write(world.stdout, options.json ? jsonText(body) : said)
  return DONE
}

/** A file that somebody changed, or that never came from a server, is not written over. */
async function refuseLoss(file: string, text: string, known: string | undefined): Promise<void> {
  const there = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new CommandError(`${file} cannot be read: ${error.message}`)
  })
  if (there === undefined || there === text || sha256(there) === known) return
  throw new CommandError(
    `${file} has changes that would be lost: look at them by mcpshield policy diff ${file}, or give --force`,
    NEGATIVE,
  )
}

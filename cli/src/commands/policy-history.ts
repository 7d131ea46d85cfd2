// `mcpshield policy history` and `policy rollback`: the versions of a project's policy, and an old one as the newest.
import { bodyOf, itemsOf, jsonText, understood, WITHIN_MS } from '../answers.ts'
import { colorsFor } from '../diagnostics-text.ts'
import {
  openPolicies,
  policyVersion,
  versionDiff,
  versionOf,
  type PolicyOptions,
} from '../project-policies.ts'
import { tableText } from '../table.ts'
import { diffText } from '../text-diff.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'

export type HistoryOptions = PolicyOptions & { limit: number }

type Version = { version: number; created_at: string; author_id: string | null; note: string | null }

export async function policyHistory(world: World, options: HistoryOptions): Promise<number> {
  const { api, path } = await openPolicies(world, options)
  const list = await itemsOf<Version>(api, `${path}/versions`, options.limit)
  const shown = options.json ? jsonText(list) : listText(world, list.items, list.next_cursor !== null)
  await write(world.stdout, shown)
  return DONE
}

function listText(world: World, versions: Version[], more: boolean): string {
  return understood(() => {
    const rows = versions.map(({ version, created_at, author_id, note }) =>
      [version, created_at, author_id ?? '-', note ?? ''].map(String),
    )
    const table = tableText(['version', 'saved', 'by', 'note'], rows, {
      head: colorsFor(world, world.stdout).bold,
    })
    return more ? `${table}There are more: raise --limit.\n` : table
  })
}

/** What one version changed. */
export async function policyChange(world: World, version: number, options: PolicyOptions): Promise<number> {
  const { diff, body } = await versionDiff(await openPolicies(world, options), version)
  const shown = diff === '' ? 'It changed nothing.\n' : diffText(diff, colorsFor(world, world.stdout))
  await write(world.stdout, options.json ? jsonText(body) : shown)
  return DONE
}

/** If nobody saves another version between what is shown and what is done. */
export async function policyRollback(world: World, version: number, options: PolicyOptions): Promise<number> {
  const policies = await openPolicies(world, options)
  const { policy: current, body } = await policyVersion(policies)
  if (current.version === version) {
    await write(world.stdout, options.json ? jsonText(body) : `Version ${version} is in force already.\n`)
    return DONE
  }
  const { diff } = await versionDiff(policies, version, current.version)
  if (!options.json) await write(world.stdout, diffText(diff, colorsFor(world, world.stdout)))
  const { api, path } = policies
  const ifMatch = { 'if-match': `"${current.version}"` }
  const answered = await api.request('POST', `${path}/rollback`, { version }, WITHIN_MS, ifMatch)
  if (answered.status === 422)
    throw new CommandError(
      `version ${version} is not valid any more, by the rules of today: pull it by mcpshield policy pull --version ${version}, and mend it`,
      NEGATIVE,
    )
  const saved = bodyOf(answered)
  const newest = understood(() => versionOf(saved).version)
  const said = `Version ${version} is in force again, as version ${newest}.\n`
  await write(world.stdout, options.json ? jsonText(saved) : said)
  return DONE
}

// The policy of a project at its server, as the commands about it ask for it.
import { bodyOf, understood, WITHIN_MS } from './answers.ts'
import { projectId } from './project-choice.ts'
import type { PolicyOrigin } from './policy-origin.ts'
import { openRestApi, type Account } from './rest-api.ts'
import type { RestApi } from './rest-client.ts'
import type { World } from './world.ts'

export type PolicyOptions = Account & { project?: string; json?: boolean }

export type PolicyVersion = {
  version: number
  policy_yaml: string
  hash: string
  note: string | null
  author_id: string | null
  created_at: string
}

export type ProjectPolicies = {
  api: RestApi
  project: string
  /** `/projects/…/policy` */
  path: string
}

/** Those of the project that the options say, or else of the one that the file came from. */
export async function openPolicies(
  world: World,
  options: PolicyOptions,
  origin?: PolicyOrigin,
): Promise<ProjectPolicies> {
  const api = await openRestApi(world, options)
  const fromHere = origin?.api === api.address ? origin.project_id : undefined
  const project = await projectId(
    world,
    api,
    options.project === undefined && fromHere !== undefined ? { project: fromHere } : options,
  )
  return { api, project, path: `/projects/${encodeURIComponent(project)}/policy` }
}

/** Whether the file came from this project of this server. */
export function isFrom(origin: PolicyOrigin, { api, project }: ProjectPolicies): boolean {
  return origin.api === api.address && origin.project_id === project
}

/** A version; the one in force without a number. */
export async function policyVersion(
  { api, path }: ProjectPolicies,
  version?: number,
): Promise<{ policy: PolicyVersion; body: unknown }> {
  const at = version === undefined ? path : `${path}/versions/${version}`
  const body = bodyOf(await api.request('GET', at, undefined, WITHIN_MS))
  return { policy: understood(() => versionOf(body)), body }
}

export function versionOf(body: unknown): PolicyVersion {
  const policy = body as PolicyVersion
  if (!Number.isSafeInteger(policy.version) || typeof policy.policy_yaml !== 'string')
    throw new Error('this is no policy')
  return policy
}

/** What leads from one version to another, as the server tells it. */
export async function versionDiff(
  { api, path }: ProjectPolicies,
  version: number,
  against?: number,
): Promise<{ diff: string; body: unknown }> {
  const query = against === undefined ? '' : `?against=${against}`
  const body = bodyOf(
    await api.request('GET', `${path}/versions/${version}/diff${query}`, undefined, WITHIN_MS),
  )
  return {
    diff: understood(() => {
      const { diff } = body as { diff: unknown }
      if (typeof diff !== 'string') throw new Error('this is no difference')
      return diff
    }),
    body,
  }
}

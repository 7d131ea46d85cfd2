import { projects } from '@mcpshield/contracts/projects'
import { rowsOfUnified } from '#lib/editor/diff-rows.ts'
import type { Api } from '#lib/server/api.ts'
import { peopleOf } from '../people.ts'
import { versionIn } from './version-number.ts'
import type { PageServerLoad } from './$types'

const PAGE_SIZE = 50

export const load: PageServerLoad = async ({ locals: { api }, params, url }) => {
  const cursor = url.searchParams.get('cursor')
  const [from, to] = ['from', 'to'].map((name) => versionIn(url.searchParams.get(name)))
  const [versions, nameOf, compared] = await Promise.all([
    api(projects.rpc.listPolicyVersions, {
      project_id: params.projectId,
      limit: PAGE_SIZE,
      ...(cursor === null ? {} : { cursor }),
    }),
    peopleOf(api),
    from === undefined || to === undefined ? null : compare(api, params.projectId, from, to),
  ])
  return {
    versions: versions.items.map((each) => ({ ...each, author: nameOf(each.author_id) })),
    next: versions.next_cursor,
    previous: versions.prev_cursor,
    compared,
  }
}

async function compare(api: Api, projectId: string, from: number, to: number) {
  if (from === to) return { from, to, rows: [] }
  const { diff } = await api(projects.rpc.diffPolicyVersions, {
    project_id: projectId,
    version: to,
    against: from,
  })
  return { from, to, rows: rowsOfUnified(diff) }
}

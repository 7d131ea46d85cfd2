import { projects } from '@mcpshield/contracts/projects'
import type { Api } from '#lib/server/api.ts'

const MOST = 200

/** Who somebody of the organisation is, by id. */
export async function memberNames(api: Api): Promise<(id: string | null) => string> {
  const { items } = await api(projects.rpc.listMembers, { limit: MOST })
  return (id) => {
    const member = items.find((each) => each.id === id)
    if (member === undefined) return 'somebody who has left'
    return [member.first_name, member.last_name].filter(Boolean).join(' ') || (member.email ?? 'a member')
  }
}

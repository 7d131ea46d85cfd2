// Who wrote a version, by name.
import { projects } from '@mcpshield/contracts/projects'
import type { Api } from '#lib/server/api.ts'

const MOST = 200

/** Names of the organisation's people by id. */
export async function peopleOf(api: Api): Promise<(id: string | null) => string> {
  const { items } = await api(projects.rpc.listMembers, { limit: MOST })
  const names = new Map(
    items.map(({ id, first_name, last_name, email }) => [
      id,
      [first_name, last_name].filter(Boolean).join(' ') || email || undefined,
    ]),
  )
  return (id) => (id === null ? 'MCPShield' : (names.get(id) ?? 'Somebody who has left'))
}

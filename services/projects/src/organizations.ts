// Organisations: each person who registers owns one.
import { randomUUIDv7 } from 'node:crypto'
import type { projects } from '@mcpshield/contracts/projects'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import { MemberRow } from './entities.ts'
import { found, type Store } from './store.ts'

type Deps = { store: Store; now(): Date }

export function organizationHandlers({
  store,
}: Deps): Pick<Handlers<typeof projects.rpc, Call>, 'getMembership'> {
  return {
    async getMembership({ user_id }) {
      const member = await store.read().findOne(MemberRow, { user_id })
      const { org_id, role } = found(member, 'member')
      return { org_id, role }
    },
  }
}

/** Makes the organisation of a person who has registered. Told twice, it is there once. */
export async function organizationOf(
  { store, now }: Deps,
  person: { user_id: string; first_name: string },
): Promise<void> {
  await store.change(async (em) => {
    const created_at = now()
    const [made] = await em.execute<{ id: string }[]>(
      `insert into organizations (id, name, owner_user_id, created_at, updated_at) values (?, ?, ?, ?, ?)
       on conflict (owner_user_id) do nothing returning id`,
      [
        randomUUIDv7(),
        `${person.first_name}’s organisation`,
        person.user_id,
        created_at.toISOString(),
        created_at.toISOString(),
      ],
    )
    if (made === undefined) return
    await em.insert(MemberRow, { user_id: person.user_id, org_id: made.id, role: 'owner', created_at })
  })
}

// Mails to those people of an organisation who may do something about it.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Mail } from '@mcpshield/contracts/mailer'
import { rolesWith, type Right } from '@mcpshield/contracts/rights'
import { MemberRow } from './entities.ts'
import { askForMail } from './store.ts'

/** Asks for one mail to each member who has the right; after `expiresAt` it is of no use. */
export async function tellPeople(
  em: EntityManager,
  { orgId, right, expiresAt }: { orgId: string; right: Right; expiresAt?: Date },
  mail: Mail,
): Promise<void> {
  const members = await em.find(MemberRow, { org_id: orgId, role: { $in: rolesWith(right) } })
  for (const { user_id } of members) {
    askForMail(em, {
      id: randomUUIDv7(),
      to: { user_id },
      ...(expiresAt === undefined ? {} : { expires_at: expiresAt.toISOString() }),
      mail,
    })
  }
}

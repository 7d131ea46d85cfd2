// What goes with a person, a project or an organisation. Of uses the counts stay until the organisation goes: they name
// nobody then.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { StreamMessage } from '@mcpshield/bus/stream'
import { auth } from '@mcpshield/contracts/auth'
import { projects } from '@mcpshield/contracts/projects'
import type { Tenancy } from '@mcpshield/db/tenancy'
import { ConversationRow, UseRow } from './entities.ts'

type Message = Pick<StreamMessage, 'subject' | 'json' | 'ack' | 'bury'>

export function forgetting(tenants: Tenancy): (message: Message) => Promise<void> {
  return async (message) => {
    const forget = workOf(message.subject, message.json())
    if (forget === undefined) return message.bury('not an event of this contract')
    await tenants.acrossOrganizations(forget)
    message.ack()
  }
}

type Work = (em: EntityManager) => Promise<unknown>

function workOf(subject: string, event: unknown): Work | undefined {
  const { projectDeleted, organizationDeleted } = projects.evt
  if (subject === auth.evt.userDeleted.subject) {
    const { data } = auth.evt.userDeleted.payload.safeParse(event)
    return data && ((em) => forgetPerson(em, data.user_id))
  }
  if (subject === projectDeleted.subject) {
    const { data } = projectDeleted.payload.safeParse(event)
    return data && ((em) => forgetProject(em, data.project_id))
  }
  if (subject === organizationDeleted.subject) {
    const { data } = organizationDeleted.payload.safeParse(event)
    return data && ((em) => forgetOrganization(em, data.org_id))
  }
  return undefined
}

async function forgetPerson(em: EntityManager, user_id: string): Promise<void> {
  await em.nativeDelete(ConversationRow, { user_id })
  await em.nativeUpdate(UseRow, { user_id }, { user_id: null })
}

async function forgetProject(em: EntityManager, project_id: string): Promise<void> {
  await em.nativeDelete(ConversationRow, { project_id })
  await em.nativeUpdate(UseRow, { project_id }, { project_id: null })
}

async function forgetOrganization(em: EntityManager, org_id: string): Promise<void> {
  await em.nativeDelete(ConversationRow, { org_id })
  await em.nativeDelete(UseRow, { org_id })
}

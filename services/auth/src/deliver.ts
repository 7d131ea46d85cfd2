// What goes out of the outbox, by topic. Delivery is repeated until it succeeds: everything here may happen twice.
import { auth } from '@mcpshield/contracts/auth'
import { mailer, MailJob } from '@mcpshield/contracts/mailer'
import type { Bus } from '@mcpshield/bus/connect'
import type { flow } from '@mcpshield/contracts/flow'
import type { Deliverers } from '@mcpshield/db/outbox'
import { z } from 'zod'
import { TOPIC } from './consequences.ts'
import { codeDeliverer, type CodeDeliveryDeps } from './deliver-codes.ts'
import { ToldOfPerson } from './people.ts'
import type { OpenSessions } from './sessions.ts'

type AuthBus = Pick<Bus<typeof flow.auth>, 'publish' | 'enqueue'>

const WaitingMail = MailJob.omit({ id: true })
const EndedSessions = z.object({
  user_id: z.uuid(),
  before: z.int(),
  except: z.uuid().optional(),
})

export function deliverers(
  bus: AuthBus,
  deps: Omit<CodeDeliveryDeps, 'send'> & { sessions: OpenSessions },
): Deliverers {
  const send = (job: z.input<typeof MailJob>) => bus.enqueue(mailer.job.send, job, job.id)
  return {
    [TOPIC.people]: ({ payload, messageId }) => tell(bus, ToldOfPerson.parse(payload), messageId),
    [TOPIC.mail]: ({ payload, messageId }) => send({ ...WaitingMail.parse(payload), id: messageId }),
    [TOPIC.codes]: codeDeliverer({ ...deps, send }),
    [TOPIC.endedSessions]: ({ payload }) => {
      const { except, ...ended } = EndedSessions.parse(payload)
      return deps.sessions.closeAll(except === undefined ? ended : { ...ended, except })
    },
  }
}

function tell(bus: AuthBus, told: ToldOfPerson, id: string): Promise<void> {
  switch (told.event) {
    case 'userRegistered':
      return bus.publish(auth.evt.userRegistered, told.person, id)
    case 'userChanged':
      return bus.publish(auth.evt.userChanged, told.person, id)
    case 'userDeleted':
      return bus.publish(auth.evt.userDeleted, told.person, id)
    default:
      return told satisfies never
  }
}

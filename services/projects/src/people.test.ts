import { expect, test } from 'vitest'
import type { StreamMessage } from '@mcpshield/bus/stream'
import { learnOfPeople } from './people.ts'
import type { Store } from './store.ts'

test('an event of people that this service does not know is taken and let go, without a look at the database', async () => {
  let acknowledged = 0
  const message = {
    subject: 'evt.auth.userBlinked',
    ack: () => (acknowledged += 1),
  } as unknown as StreamMessage
  await learnOfPeople({ store: {} as Store, now: () => new Date() })(message)
  expect(acknowledged).toBe(1)
})

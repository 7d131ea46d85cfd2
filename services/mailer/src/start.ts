// The map of the service: what it connects to, serves and consumes.
import { connectBus, type Bus } from '@mcpshield/bus/connect'
import { auth } from '@mcpshield/contracts/auth'
import { AppError } from '@mcpshield/contracts/errors'
import { consumption, flow } from '@mcpshield/contracts/flow'
import { mailer } from '@mcpshield/contracts/mailer'
import { connectDb } from '@mcpshield/db/connect'
import type { Log } from '@mcpshield/runtime/log'
import { metrics } from '@mcpshield/runtime/metrics'
import { telemetry } from '@mcpshield/runtime/telemetry'
import type { Config } from './config.ts'
import { isMailTo } from './dead-letters.ts'
import { mailDelivery } from './delivery.ts'
import { database } from './entities.ts'
import { startIntake } from './intake.ts'
import { pauseOfServer } from './retries.ts'
import type { Recipient } from './recipients.ts'
import { cachedCheck, mailerService } from './service.ts'
import { smtpTransport } from './smtp.ts'
import { mailsStore, type Mails } from './store.ts'

/** Mails on their way at once, and connections to the mail server. */
const AT_ONCE = 5
/** Beyond the longest sending: clocks of two instances, and what is written down after it. */
const SENDING_MARGIN_MS = 5_000
const KEEP_MS = 30 * 86_400_000
const SWEEP_EVERY_MS = 3_600_000
const SMTP_CHECK_HOLDS_MS = 10_000

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const db = stack.use(await connectDb(database(config.DATABASE_URL)))
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'mailer', log, telemetry },
      flow.mailer,
    ),
  )
  const transport = stack.use(
    smtpTransport({
      url: config.SMTP_URL,
      from: { name: config.SMTP_FROM_NAME, address: config.SMTP_FROM_EMAIL },
      timeoutMs: config.SMTP_TIMEOUT_MS,
      maxConnections: AT_ONCE,
    }),
  )
  const now = () => new Date()
  const mails = mailsStore(db, now)
  const deliver = mailDelivery({
    mails,
    transport,
    findPerson: (userId) => findPerson(bus, userId),
    pause: pauseOfServer(Date.now),
    fromAddress: config.SMTP_FROM_EMAIL,
    webUrl: config.WEB_URL,
    sendingAtMostMs: config.SMTP_TIMEOUT_MS + SENDING_MARGIN_MS,
    now,
    random: Math.random,
    log,
    told: (state) => void metrics.counter('mcpshield_mails_total', { state }).value++,
  })
  const checks = {
    postgres: () => db.ping(),
    nats: () => bus.ping(),
    smtp: cachedCheck(() => transport.verify(), SMTP_CHECK_HOLDS_MS),
  }
  await bus.serve(mailer.name, mailer.rpc, mailerService({ deadLetters: bus.deadLetters, checks }))
  const intake = startIntake(AT_ONCE, deliver)
  stack.defer(() => intake.idle())
  stack.use(await bus.consume(consumption.mailerSend, (message) => intake.accept(message)))
  stack.use(await bus.consume(consumption.mailerPeople, forgetting(bus)))
  stack.use(sweeping(mails, log))
  // First of all on the way down: a mail that is not being handed over yet waits for the next start.
  stack.defer(() => transport.stop())
  return stack.move()
}

type MailerBus = Bus<typeof flow.mailer>

async function findPerson(bus: MailerBus, user_id: string): Promise<Recipient | undefined> {
  try {
    return await bus.call(auth.rpc.getRecipient, { user_id })
  } catch (error) {
    if (error instanceof AppError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}

/** Dead letters to a deleted person go; nothing else here says who somebody is. */
function forgetting(bus: MailerBus): Parameters<MailerBus['consume']>[1] {
  return async (message) => {
    const { data: person } = auth.evt.userDeleted.payload.safeParse(message.json())
    if (person === undefined) return message.bury('not an event of this contract')
    await bus.deadLetters.remove(mailer.job.send.subject, ({ bytes }) => isMailTo(person, bytes))
    message.ack()
  }
}

function sweeping(mails: Mails, log: Log): AsyncDisposable {
  let done: Promise<unknown>
  const sweep = () => {
    done = mails.sweep(Date.now() - KEEP_MS).catch((error: unknown) => log.error({ err: error }, 'sweep'))
  }
  sweep()
  const timer = setInterval(sweep, SWEEP_EVERY_MS)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await done
    },
  }
}

// Hands mails to the mail server. The Message-ID follows from the job, so that a mail which does arrive twice, after
// an operator's replay, is known as one.
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTransport } from 'nodemailer'
import { failureOf, type Stage } from './failures.ts'

export type OutgoingMail = {
  messageId: string
  to: { name: string; address: string }
  subject: string
  text: string
  html: string
}

export type Transport = AsyncDisposable & {
  /** Resolves when the server has taken it; rejects with a SendFailure. */
  send(mail: OutgoingMail): Promise<void>
  /** Rejects when the server does not let us in. */
  verify(): Promise<void>
  /** Gives up what is not being handed over yet. */
  stop(): void
}

export type SmtpOptions = {
  url: string
  from: { name: string; address: string }
  /** For one mail, connection included. */
  timeoutMs: number
  maxConnections: number
}

const CONNECT_MS = 10_000
/** Whoever asks for our health waits for it. */
const VERIFY_MS = 3_000
/** Before servers close an idle connection themselves, which the next mail would run into. */
const IDLE_MS = 10_000

export function smtpTransport({ url, from, timeoutMs, maxConnections }: SmtpOptions): Transport {
  const mailer = createTransport(poolOptions(url, timeoutMs, maxConnections))
  /** The content of each mail on its way, by Message-ID: whether it was asked for tells whether the server can have it. */
  const contents = new Map<string, Readable>()
  mailer.use('stream', ({ message }, done) => {
    const make = message.createReadStream.bind(message)
    message.createReadStream = (options) => {
      const content = make(options)
      contents.set(bare(message.messageId()), content)
      return content
    }
    done()
  })
  const stopping = new AbortController()
  const stageOf = (messageId: string): Stage => {
    const content = contents.get(bare(messageId))
    if (content === undefined) return 'connecting'
    return content.readableDidRead ? 'handing over' : 'talking'
  }
  return {
    async send(mail) {
      const given = new AbortController()
      const stop = () => stageOf(mail.messageId) !== 'handing over' && given.abort(new Error('stopping'))
      stopping.signal.addEventListener('abort', stop)
      const signal = AbortSignal.any([given.signal, AbortSignal.timeout(timeoutMs)])
      try {
        if (stopping.signal.aborted) throw new Error('stopping')
        await mailer.sendMail({ ...composed(mail, from), signal })
      } catch (error) {
        throw failureOf(error as Error, stageOf(mail.messageId))
      } finally {
        stopping.signal.removeEventListener('abort', stop)
        contents.delete(bare(mail.messageId))
      }
    },
    async verify() {
      const late = sleep(VERIFY_MS, undefined, { ref: false }).then(() => {
        throw new Error('the mail server does not answer')
      })
      const verified = mailer.verify()
      verified.catch(() => undefined)
      late.catch(() => undefined)
      await Promise.race([verified, late])
    },
    stop: () => stopping.abort(),
    async [Symbol.asyncDispose]() {
      mailer.close()
    },
  }
}

const bare = (messageId: string) => messageId.replace(/[<>\s]/g, '')

function poolOptions(url: string, timeoutMs: number, maxConnections: number) {
  const { username, hostname } = new URL(url)
  const local = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname)
  return {
    url,
    pool: true as const,
    maxConnections,
    maxMessages: 100,
    // The pool itself would send a mail again whose connection was lost; whether that may be is decided by us.
    maxRequeues: 0,
    idleTimeout: IDLE_MS,
    dnsTimeout: CONNECT_MS,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: timeoutMs,
    // A password never crosses a network in clear.
    ...(username !== '' && !local ? { requireTLS: true } : {}),
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

function composed({ messageId, to, subject, text, html }: OutgoingMail, from: SmtpOptions['from']) {
  return {
    messageId,
    from,
    to,
    subject,
    text,
    html,
    xMailer: false as const,
    disableFileAccess: true,
    disableUrlAccess: true,
    headers: {
      // Nobody's out-of-office reply is to come back (RFC 3834).
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
    },
  }
}

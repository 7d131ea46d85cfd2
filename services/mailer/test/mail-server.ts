// A real SMTP server whose conduct a test scripts, recipient by recipient and step by step.
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { simpleParser, type ParsedMail } from 'mailparser'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'

/** What the next mail to an address meets; `ok` once the list is used up. */
export type Conduct =
  | 'ok'
  /** Answers of these codes, to RCPT or at the end of DATA. */
  | { rcpt: number }
  | { data: number }
  /** The connection is cut. */
  | 'drop at rcpt'
  | 'drop in data'
  /** The mail is taken, and the connection cut before the answer. */
  | 'take and drop'
  /** Nothing is answered at the end of DATA. */
  | 'hang'
  /** Taken, but after so long. */
  | { slowMs: number }

export type MailServer = AsyncDisposable & {
  url: string
  port: number
  mails: ParsedMail[]
  /** Times at which somebody said RCPT for an address. */
  attempts(address: string): number
  script(address: string, ...conduct: Conduct[]): void
  /** Resolves when the first mail is being taken whose conduct is `hang` or slow. */
  receiving: Promise<void>
}

export async function startMailServer(port = 0): Promise<MailServer> {
  const scripts = new Map<string, Conduct[]>()
  const attempts = new Map<string, number>()
  const sockets = new Map<string, Socket>()
  const mails: ParsedMail[] = []
  const receiving = Promise.withResolvers<void>()
  const current = new Map<string, Conduct>()
  const answered = (code: number) =>
    Object.assign(new Error(`answer ${code} for ada@example.org`), { responseCode: code })
  const cut = (session: SMTPServerSession): void =>
    void sockets.get(`${session.remoteAddress}:${session.remotePort}`)?.destroy()

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    onRcptTo({ address }, session, done) {
      attempts.set(address, (attempts.get(address) ?? 0) + 1)
      const conduct = scripts.get(address)?.shift() ?? 'ok'
      current.set(session.id, conduct)
      if (conduct === 'drop at rcpt') return cut(session)
      done(typeof conduct === 'object' && 'rcpt' in conduct ? answered(conduct.rcpt) : null)
    },
    onData(stream, session, done) {
      const conduct = current.get(session.id) ?? 'ok'
      if (conduct === 'drop in data') return void stream.once('data', () => cut(session))
      // A sender that is gone in the middle of a mail has not sent it.
      simpleParser(stream).then(taken, () => undefined)
      function taken(mail: ParsedMail): void {
        if (typeof conduct === 'object' && 'data' in conduct) return done(answered(conduct.data))
        if (conduct === 'hang') return receiving.resolve()
        mails.push(mail)
        if (conduct === 'take and drop') return cut(session)
        if (typeof conduct !== 'object' || !('slowMs' in conduct)) return done()
        receiving.resolve()
        setTimeout(done, conduct.slowMs)
      }
    },
  })
  server.on('error', () => undefined)
  server.server.on('connection', (socket: Socket) => {
    sockets.set(`${socket.remoteAddress}:${socket.remotePort}`, socket)
    socket.on('error', () => undefined)
  })
  const listening = server.listen(port, '127.0.0.1')
  await once(listening, 'listening')
  const address = listening.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${address.port}`,
    port: address.port,
    mails,
    attempts: (to) => attempts.get(to) ?? 0,
    script: (to, ...conduct) => void scripts.set(to, conduct),
    receiving: receiving.promise,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.values()) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** A port at which nobody listens now. */
export async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

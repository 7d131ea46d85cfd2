// The side that takes mails: any sender, any recipient, from this machine only.
import { once } from 'node:events'
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server'

const MAX_MAIL_BYTES = 2_000_000
const IDLE_MS = 60_000

export async function listenSmtp(port: number, take: (raw: Buffer) => void): Promise<AsyncDisposable> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    size: MAX_MAIL_BYTES,
    socketTimeout: IDLE_MS,
    closeTimeout: 1_000,
    maxClients: 50,
    logger: false,
    onData(stream, _session, done) {
      readMail(stream).then(
        (raw) => {
          take(raw)
          done()
        },
        (error: Error) => done(error),
      )
    },
  })
  // A client that goes away in the middle of a mail is no matter of ours.
  server.on('error', () => undefined)
  const listening = server.listen(port, '127.0.0.1')
  await Promise.race([
    once(listening, 'listening'),
    once(listening, 'error').then(([error]) => Promise.reject(error as Error)),
  ])
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) }
}

async function readMail(stream: SMTPServerDataStream): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    // Read to its end all the same: the answer is heard only after it.
    if (bytes <= MAX_MAIL_BYTES) chunks.push(chunk)
  }
  if (bytes > MAX_MAIL_BYTES)
    throw Object.assign(new Error(`A mail has ${MAX_MAIL_BYTES} bytes at most here.`), { responseCode: 552 })
  return Buffer.concat(chunks)
}

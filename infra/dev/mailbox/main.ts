// The mailbox's process: node main.ts FOLDER SMTP_PORT WEB_PORT
import { openLetters } from './letters.ts'
import { listenSmtp } from './smtp.ts'
import { listenWeb } from './web.ts'

const [folder, smtpPort, webPort] = process.argv.slice(2)
if (folder === undefined || smtpPort === undefined || webPort === undefined)
  throw new Error('usage: main.ts FOLDER SMTP_PORT WEB_PORT')

await using stack = new AsyncDisposableStack()
const letters = openLetters(folder)
stack.use(await listenWeb(Number(webPort), letters))
stack.use(await listenSmtp(Number(smtpPort), (raw) => letters.add(raw)))
const stopped = Promise.withResolvers<void>()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopped.resolve())
process.once('disconnect', () => stopped.resolve())
process.send?.('ready')
await stopped.promise
// The channel to the parent would keep the process.
if (process.connected) process.disconnect()

// The local mailbox: takes every mail on the loopback address and shows it on a web page, so that a newcomer can
// read the codes. It delivers nothing to anybody.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { onPort } from './on-port.ts'
import { saysReady, supervise } from './process.ts'
import { asStore, type Store, type StoreOptions } from './store.ts'

const USUAL_SMTP_PORT = 1025

export type Mailbox = Store & {
  /** Address of the web page; `url` is that of the SMTP server. */
  page: string
}

export function mailboxPort(env: NodeJS.ProcessEnv): number {
  return Number(env.MAIL_PORT ?? 8025)
}

export async function startMailbox({
  dataDir,
  env,
  progress,
}: Omit<StoreOptions, 'programsDir'>): Promise<Mailbox> {
  const folder = join(dataDir.path, 'mailbox')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const webPort = mailboxPort(env)
  const { process: running, port } = await onPort(dataDir.path, 'mailbox', USUAL_SMTP_PORT, (smtpPort) =>
    supervise({
      name: 'mailbox',
      dataDir: dataDir.path,
      launch: () => ({
        command: process.execPath,
        args: [join(import.meta.dirname, 'mailbox/main.ts'), folder, String(smtpPort), String(webPort)],
        env: {},
        ipc: true,
      }),
      ready: saysReady,
      progress,
    }),
  )
  const store = asStore(running, `smtp://127.0.0.1:${port}`, 'local')
  return Object.assign(store, { page: `http://localhost:${webPort}` })
}

// Asks a running installation from outside whether it does what it is there for, and says what is wrong and how to mend it.
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { codeFromMailbox, signIn, signUp, type Session } from './verify/account.ts'
import { asking, type Ask } from './verify/asking.ts'
import { checkCalls } from './verify/calls.ts'
import { checkDoors, type Urls } from './verify/doors.ts'
import { findings, type Findings } from './verify/findings.ts'
import { checkParts } from './verify/parts.ts'

const HELP = `Asks a running installation, end to end.

  ./verify_setup.sh [--domain example.com] [options]

  --domain NAME            app.NAME, api.NAME and mcp.NAME over https
  --app, --api, --mcp URL  where they are otherwise: http://localhost:3000, …:8000 and …:8100 of \`npm start\`
  --mail URL               a mailbox with Mailpit's API: signs up there, and deletes the account at the end
  --sign-up EMAIL          signs up with an address of yours and asks for the code that is mailed
  --connect-to HOST:PORT   asks everything there, whatever the names lead to

With an account of your own: VERIFY_EMAIL and VERIFY_PASSWORD in the environment. Without any of these three, calls are
not tried, and the exit code says that not everything was. A certificate authority of your own: NODE_EXTRA_CA_CERTS.

  ./verify_setup.sh --api http://localhost:8000 --mail http://localhost:8025        # what \`npm start\` runs
  VERIFY_EMAIL=you@example.com VERIFY_PASSWORD=… ./verify_setup.sh --domain example.com

Exit codes: 0 all is well, 1 something is wrong, 2 wrong usage, 3 nothing is wrong in what could be asked.
`

const OPTIONS = {
  domain: { type: 'string' },
  app: { type: 'string' },
  api: { type: 'string' },
  mcp: { type: 'string' },
  mail: { type: 'string' },
  'sign-up': { type: 'string' },
  'connect-to': { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

export type VerifyOptions = {
  urls: Urls
  ask: Ask
  /** How to come to an account; undefined: calls are not tried. */
  session: (() => Promise<Session>) | undefined
}

/** Runs every check. The account, where it was made for this, is deleted at the end. */
export async function verify({ urls, ask, session }: VerifyOptions, found: Findings): Promise<void> {
  await checkDoors(urls, ask, found)
  await checkParts(urls.api, ask, found)
  if (session === undefined) return found.skip('calls', 'no account was named: see --help')
  let signedIn: Session | undefined
  const mend = 'is the account right, and does `docker compose logs mailer` show mails being sent?'
  await found.check('one can sign in', mend, async () => {
    signedIn = await session()
  })
  if (signedIn === undefined) return
  const { leave } = signedIn
  try {
    await checkCalls(urls, ask, signedIn, found)
  } finally {
    await found.check('the account made for this is deleted', 'delete it in the dashboard', () => leave())
  }
}

function urlsOf(values: { domain?: string; app?: string; api?: string; mcp?: string }): Urls {
  const at = (name: string, port: number) =>
    values.domain === undefined ? `http://localhost:${port}` : `https://${name}.${values.domain}`
  const plain = (url: string) => url.replace(/\/+$/, '').replace(/\/mcp$/, '')
  return {
    app: plain(values.app ?? at('app', 3000)),
    api: plain(values.api ?? at('api', 8000)),
    mcp: plain(values.mcp ?? at('mcp', 8100)),
  }
}

function sessionOf(
  api: string,
  ask: Ask,
  { mail, 'sign-up': email }: { mail?: string; 'sign-up'?: string },
): VerifyOptions['session'] {
  const { VERIFY_EMAIL, VERIFY_PASSWORD } = process.env
  if (VERIFY_EMAIL && VERIFY_PASSWORD)
    return () => signIn(api, ask, { email: VERIFY_EMAIL, password: VERIFY_PASSWORD })
  if (mail !== undefined) return () => signUp(api, ask, { readCode: codeFromMailbox(mail, asking()) })
  if (email !== undefined) return () => signUp(api, ask, { email, readCode: askForCode })
  return undefined
}

async function askForCode(email: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await terminal.question(`The code that was mailed to ${email}: `)).trim()
  } finally {
    terminal.close()
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const target = values['connect-to']?.split(':')
  const ask = asking(
    target && { host: target[0] ?? '', port: Number(target[1] ?? 443), plainPort: Number(target[2] ?? 80) },
  )
  const urls = urlsOf(values)
  const found = findings((line) => console.log(line))
  await verify({ urls, ask, session: sessionOf(urls.api, ask, values) }, found)
  const count = (outcome: string) => found.all.filter((each) => each.outcome === outcome).length
  const [ok, failed, skipped] = [count('ok'), count('failed'), count('skipped')]
  console.log(`\n${ok} ok, ${failed} failed, ${skipped} skipped`)
  if (failed > 0) return 1
  return found.all.some(({ name, outcome }) => outcome === 'skipped' && name === 'calls') ? 3 : 0
}

if (import.meta.main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 2
  }
}

// Stores and a mail server of one's own, named in the environment: said early and plainly when one does not answer.
import { connect } from 'node:net'
import { SetupError } from './setup-error.ts'

const USUAL_PORTS: Record<string, number> = {
  DATABASE_URL: 5432,
  NATS_URL: 4222,
  REDIS_URL: 6379,
  CLICKHOUSE_URL: 8123,
  SMTP_URL: 587,
}
const ANSWER_WITHIN_MS = 3_000

/** Throws a SetupError that names the variable when the store it points to cannot be reached. */
export async function checkNamedStores(env: NodeJS.ProcessEnv): Promise<void> {
  for (const [variable, usualPort] of Object.entries(USUAL_PORTS)) {
    const text = env[variable]
    if (text) await checkAnswers(variable, text, usualPort)
  }
}

async function checkAnswers(variable: string, text: string, usualPort: number): Promise<void> {
  const url = URL.parse(text)
  if (url === null || url.hostname === '') throw new SetupError(`${variable} is not a URL with a host.`)
  const port = Number(url.port) || usualPort
  const failure = await tryConnect(url.hostname.replace(/^\[|\]$/g, ''), port)
  if (failure === null) return
  throw new SetupError(
    `${variable} names ${url.hostname}:${port}, but nothing answers there (${failure}). ` +
      `Start that server, or leave ${variable} unset for a local one.`,
  )
}

function tryConnect(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ANSWER_WITHIN_MS })
    const done = (failure: string | null) => {
      socket.destroy()
      resolve(failure)
    }
    socket.once('connect', () => done(null))
    socket.once('timeout', () => done('no answer in 3 s'))
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
  })
}

// `mcpshield wrap --policy FILE [--name NAME] -- CMD ARGS…`
import { createHmac, randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readLines } from '../lines.ts'
import { offlineDecisions } from '../offline-decision.ts'
import { readPolicyFile } from '../policy-file.ts'
import { checkedServer, NO_SYSTEMS, type Systems } from '../systems-file.ts'
import { decisionLog } from '../wrap/decision-log.ts'
import { openJudge } from '../wrap/judge.ts'
import { openRelay, type Relay } from '../wrap/relay.ts'
import { startServer, type ServerProcess } from '../wrap/server-process.ts'
import { CommandError, NEGATIVE, OutputClosed, write, type World } from '../world.ts'
import { tellErrors } from './policy-eval.ts'

export type WrapOptions = { policy: string; name?: string; server?: string; log?: string }

const NAME = /^[a-z0-9-]{1,24}$/

/** Enforces the policy between the client on our standard input and output, and the command. */
export async function wrap(world: World, command: string[], options: WrapOptions): Promise<number> {
  const name = nameOf(command, options.name)
  const systems: Systems =
    options.server === undefined ? NO_SYSTEMS : { servers: new Map([[name, checkedServer(options.server)]]) }
  if (options.policy === '-')
    throw new CommandError('standard input is the client’s: the policy must be a file')
  const file = await readPolicyFile(world, options.policy)
  if (file.policy === undefined) {
    tellErrors(world, [file])
    return NEGATIVE
  }
  const decisions = await offlineDecisions(file.policy, systems)
  using log = decisionLog(options.log)
  const server = await startServer(command, world.environment.forPrograms)
  const key = randomBytes(32)
  const relay = openRelay({
    name,
    judge: openJudge({ decisions, log, now: () => new Date(), monotonicMs: () => performance.now() }),
    // Rules about fields speak of rows, which no log line has.
    standing: decisions.redactions().filter((each) => !('fields' in each)),
    keyedHash: (text) => createHmac('sha256', key).update(text).digest('hex'),
    toClient: (line) => write(world.stdout, line),
    // That the server is gone, its end tells.
    toServer: (line) => write(server.input, line).catch(() => undefined),
    tell: (message) => world.stderr.write(`mcpshield: ${message}\n`),
  })
  return await relayed(world, server, relay)
}

function nameOf([command = '']: string[], given: string | undefined): string {
  const own = basename(command)
    .toLowerCase()
    .replace(/\.[a-z0-9]+$/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 24)
  const name = given ?? own
  if (!NAME.test(name))
    throw new CommandError(
      `a name is 1 to 24 of a-z 0-9 -, which ${JSON.stringify(name)} is not: give one with --name`,
    )
  return name
}

/** Passes messages both ways until the server has ended. */
async function relayed(world: World, server: ServerProcess, relay: Relay): Promise<number> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, () => server.end(signal))
  // However we go, the server must not stay behind.
  process.on('exit', () => server.end('SIGTERM'))
  let isOver = false
  const failed = (error: unknown) => {
    server.end('SIGTERM')
    if (!isOver && !(error instanceof OutputClosed))
      world.stderr.write(`mcpshield: the client is lost: ${(error as Error).message}\n`)
  }
  void fromClient(world, server, relay).catch(failed)
  await fromServer(server, relay).catch(failed)
  const code = await server.ended
  isOver = true
  // A client that is gone needs no answers.
  await relay.serverEnded().catch(() => undefined)
  return code
}

async function fromServer(server: ServerProcess, relay: Relay): Promise<void> {
  for await (const lines of readLines(server.output, MAX_ANSWER_BYTES)) {
    for (const line of lines) {
      if ('tooLong' in line) server.end('SIGKILL') // Whoever waits for that answer would wait for ever.
      await relay.fromServer(line)
    }
  }
}

const MAX_ANSWER_BYTES = 32 * 1024 * 1024
const ANSWERS_WITHIN_MS = 5_000
const EXIT_WITHIN_MS = 2_000
const POLL_MS = 10

/** When the client has said its last, the server may still answer, and is then told that this was all. */
async function fromClient(world: World, server: ServerProcess, relay: Relay): Promise<void> {
  for await (const lines of readLines(world.stdin)) {
    for (const line of lines) await relay.fromClient(line)
  }
  const untilMs = performance.now() + ANSWERS_WITHIN_MS
  while (relay.waiting() > 0 && performance.now() < untilMs) await delay(POLL_MS)
  server.input.end()
  await delay(EXIT_WITHIN_MS, undefined, { ref: false })
  server.end('SIGTERM')
}

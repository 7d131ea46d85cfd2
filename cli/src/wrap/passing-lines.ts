// Lines between the client and the server, until the server has ended.
import { setTimeout as delay } from 'node:timers/promises'
import { readLines } from '../lines.ts'
import { OutputClosed, type World } from '../world.ts'
import type { Relay } from './relay.ts'
import type { ServerProcess } from './server-process.ts'

const MAX_ANSWER_BYTES = 32 * 1024 * 1024
const ANSWERS_WITHIN_MS = 5_000
const EXIT_WITHIN_MS = 2_000
const POLL_MS = 10

/** Passes messages both ways; answers with the server's exit code. */
export async function passLines(world: World, server: ServerProcess, relay: Relay): Promise<number> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, () => server.end(signal))
  // However we go, the server must not stay behind.
  process.on('exit', () => server.end('SIGTERM'))
  void fromClient(world, server, relay).catch((error: unknown) => clientLost(world, server, error))
  await fromServer(server, relay).catch((error: unknown) => clientLost(world, server, error))
  const code = await server.ended
  // A client that is gone needs no answers.
  await relay.serverEnded().catch(() => undefined)
  return code
}

/** Without a client there is nothing left to do. */
export function clientLost({ stderr }: World, server: ServerProcess, error: unknown): void {
  if (server.hasEnded()) return
  server.end('SIGTERM')
  if (!(error instanceof OutputClosed))
    stderr.write(`mcpshield: the client is lost: ${(error as Error).message}\n`)
}

async function fromServer(server: ServerProcess, relay: Relay): Promise<void> {
  for await (const lines of readLines(server.output, MAX_ANSWER_BYTES)) {
    for (const line of lines) {
      if ('tooLong' in line) server.end('SIGKILL') // Whoever waits for that answer would wait for ever.
      await relay.fromServer(line)
    }
  }
}

/** When the client has said its last, the server may still answer, and is then told that this was all. */
async function fromClient(world: World, server: ServerProcess, relay: Relay): Promise<void> {
  for await (const lines of readLines(world.stdin)) {
    for (const line of lines) await relay.fromClient(line)
  }
  relay.clientEnded()
  const untilMs = performance.now() + ANSWERS_WITHIN_MS
  while (relay.waiting() > 0 && performance.now() < untilMs) await delay(POLL_MS)
  server.input.end()
  await delay(EXIT_WITHIN_MS, undefined, { ref: false })
  server.end('SIGTERM')
}

// What every process does: configuration, log, metrics, traces, start, signals, disposal, exit code.
import { readConfig, StartError } from './config.ts'
import { createLog, type Log } from './log.ts'
import { OperatorConfig, startOperatorsView, type OperatorsView } from './operators-view.ts'
import type { z } from 'zod'

/** How long what was not closed may keep the process. */
const LINGER_MS = 500
const STOP_WITHIN_MS = 8_000

/**
 * Runs one service. Tells its parent `ready` (over IPC, when there is one) once `start` has returned, stops
 * on SIGTERM, SIGINT or when the parent is gone. Exit codes: 0 stopped, 1 a bug, 2 cannot start as configured.
 */
export async function run<S extends z.ZodObject>(
  name: string,
  schema: S,
  start: (config: z.output<S>, log: Log) => Promise<AsyncDisposable>,
  { stopWithinMs = () => STOP_WITHIN_MS }: { stopWithinMs?: (config: z.output<S>) => number } = {},
): Promise<void> {
  const log = createLog(name, { level: process.env.LOG_LEVEL ?? 'info' })
  let service: AsyncDisposable | undefined
  let view: OperatorsView | undefined
  let stopping = false
  let withinMs = STOP_WITHIN_MS
  const stop = async (reason: string, exitCode: number) => {
    if (stopping) return
    stopping = true
    log.info({ reason }, 'stopping')
    setTimeout(() => process.exit(1), withinMs).unref()
    try {
      await service?.[Symbol.asyncDispose]()
      await view?.[Symbol.asyncDispose]()
    } catch (error) {
      log.error({ err: error }, 'stopping')
    }
    // Ends by itself: process.exit() can wait for ever for a compilation of WebAssembly that is still going on.
    process.exitCode = exitCode
    if (process.connected) process.disconnect()
    setTimeout(() => process.exit(exitCode), LINGER_MS).unref()
  }
  process.once('SIGTERM', () => void stop('SIGTERM', 0))
  process.once('SIGINT', () => void stop('SIGINT', 0))
  if (process.connected) process.once('disconnect', () => void stop('parent is gone', 0))
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, 'unhandled rejection')
    void stop('unhandled rejection', 1)
  })
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception')
    void stop('uncaught exception', 1)
  })
  try {
    const config = readConfig(schema, process.env)
    withinMs = stopWithinMs(config)
    view = await startOperatorsView(name, readConfig(OperatorConfig, process.env))
    service = await start(config, log)
    view.ready()
    log.info({}, 'ready')
    process.send?.('ready')
  } catch (error) {
    if (error instanceof StartError) log.fatal(error.message)
    else log.fatal({ err: error }, 'cannot start')
    process.send?.({ failed: (error as Error).message })
    process.exit(2)
  }
}

// Uses that were never ended, as their instance died and nobody read on: given back.
import type { Log } from '@mcpshield/runtime/log'
import type { Uses } from './uses.ts'

export type SweepDeps = { uses: Uses; now(): Date; abandonedAfterMs: number; log: Log; everyMs?: number }

const EVERY_MS = 60_000

export function sweepUses({
  uses,
  now,
  abandonedAfterMs,
  log,
  everyMs = EVERY_MS,
}: SweepDeps): AsyncDisposable {
  let done: Promise<unknown> = Promise.resolve()
  const sweep = async () => {
    const before = new Date(now().getTime() - abandonedAfterMs)
    for (const { id, org_id } of await uses.abandoned(before)) {
      await uses.end(org_id, id, {
        state: 'failed',
        refund: true,
        tokens: { input: 0, output: 0 },
        attempts: 0,
      })
    }
  }
  const timer = setInterval(() => {
    done = done.then(sweep).catch((error: unknown) => log.error({ err: error }, 'sweep'))
  }, everyMs)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await done
    },
  }
}

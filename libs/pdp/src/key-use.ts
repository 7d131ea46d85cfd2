// When keys were last used, told in batches: a write per call would cost more than the call.
import type { Log } from '@mcpshield/bus/log'

export type KeyUse = AsyncDisposable & { seen(keyId: string, time: Date): void }

type Report = (uses: { key_id: string; time: string }[]) => Promise<unknown>

const EVERY_MS = 5_000
const MAX_USES = 10_000

export function keyUse(report: Report, log: Log): KeyUse {
  let uses = new Map<string, Date>()
  const flush = async () => {
    if (uses.size === 0) return
    const batch = [...uses].slice(0, MAX_USES).map(([key_id, time]) => ({ key_id, time: time.toISOString() }))
    uses = new Map()
    await report(batch).catch((error: unknown) => log.warn({ err: error }, 'last use of keys not reported'))
  }
  const timer = setInterval(() => void flush(), EVERY_MS)
  return {
    seen: (keyId, time) => void uses.set(keyId, time),
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await flush()
    },
  }
}

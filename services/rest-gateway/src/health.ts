// Whether the API and what it depends on work: each dependency by name, without what it said.
import type { Health } from '@mcpshield/contracts/values'

export type HealthDeps = {
  /** Each rejects when it does not answer. */
  checks: Record<string, () => Promise<unknown>>
  /** What services say of themselves. */
  services: Record<string, () => Promise<Health>>
}

export type HealthReport = { status: 'ok' | 'failing'; dependencies: Record<string, { ok: boolean }> }

/** A report made anew at most once at a time, however many ask. */
export function healthReporter(deps: HealthDeps): () => Promise<HealthReport> {
  let running: Promise<HealthReport> | undefined
  return () =>
    (running ??= report(deps).finally(() => {
      running = undefined
    }))
}

async function report({ checks, services }: HealthDeps): Promise<HealthReport> {
  const own = Object.entries(checks).map(async ([name, check]) => {
    const ok = await check().then(
      () => true,
      () => false,
    )
    return [[name, { ok }]] as const
  })
  const others = Object.entries(services).map(async ([name, ask]) => {
    const health = await ask().catch((): Health => ({ ok: false, dependencies: {} }))
    const parts = Object.entries(health.dependencies).map(
      ([part, { ok }]) => [`${name}.${part}`, { ok }] as const,
    )
    return [[name, { ok: health.ok }] as const, ...parts]
  })
  const entries = (await Promise.all([...own, ...others])).flat()
  return {
    status: entries.every(([, { ok }]) => ok) ? 'ok' : 'failing',
    dependencies: Object.fromEntries(entries),
  }
}

// What a service says of what it depends on.

export type Checks = Record<string, () => Promise<unknown>>
export type HealthReport = { ok: boolean; dependencies: Record<string, { ok: boolean; detail?: string }> }

/** Asks every dependency at once; each check rejects when its dependency does not answer. */
export async function healthOf(checks: Checks): Promise<HealthReport> {
  const asked = Object.entries(checks).map(async ([name, check]) => [name, await answers(check)] as const)
  const all = await Promise.all(asked)
  return { ok: all.every(([, { ok }]) => ok), dependencies: Object.fromEntries(all) }
}

async function answers(check: () => Promise<unknown>): Promise<{ ok: boolean; detail?: string }> {
  try {
    await check()
    return { ok: true }
  } catch (error) {
    return { ok: false, detail: (error as Error).message }
  }
}

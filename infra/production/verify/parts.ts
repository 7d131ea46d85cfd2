// What stands behind the doors: every service and store, as the API knows them.
import type { Ask } from './asking.ts'
import { Broken, listed, type Findings } from './findings.ts'

type Health = { status: string; version: string; dependencies: Record<string, { ok: boolean }> }

const MEND = '`docker compose ps` and `docker compose logs` of what is named'

export async function checkParts(api: string, ask: Ask, found: Findings): Promise<void> {
  await found.check('the API takes requests', MEND, async () => {
    const { status } = await ask(`${api}/ready`)
    if (status !== 200) throw new Broken(`/ready answered ${status}`)
  })
  await found.check('every service and store is well', MEND, async () => {
    const { status, text } = await ask(`${api}/health`)
    const health = parsed<Health>(text)
    if (health?.dependencies === undefined) throw new Broken(`/health answered ${status}`)
    const names = Object.keys(health.dependencies)
    const failing = names.filter((name) => !health.dependencies[name]?.ok)
    if (failing.length > 0) throw new Broken(`failing: ${listed(failing)}`)
    return `${names.length} of them, version ${health.version}`
  })
  await found.check('who signs up is asked for what is needed', MEND, async () => {
    const { status, text } = await ask(`${api}/auth/register`, { method: 'POST', body: {} })
    const errors = parsed<{ errors?: { path: string }[] }>(text)?.errors ?? []
    if (status !== 400 || !errors.some(({ path }) => path === 'email'))
      throw new Broken(`an empty registration answered ${status}`)
  })
}

/** Undefined when it is not JSON. */
export function parsed<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}

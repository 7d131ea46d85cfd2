// The product's services as processes: each with its own credentials, restarted when it dies.
import { once } from 'node:events'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { SetupError } from './setup-error.ts'
import { saysReady, supervise, type Supervised } from './process.ts'

const ROOT = join(import.meta.dirname, '../..')

/** In the order in which they are started; those of one line start together. */
export const START_ORDER = [
  ['auth', 'projects', 'billing', 'ingest', 'mailer', 'ai', 'bus-keys', 'siem'],
  ['decision', 'mcp-gateway', 'rest-gateway'],
] as const
export type LocalService = (typeof START_ORDER)[number][number]

export type ServiceEnv = (service: LocalService) => Record<string, string>

export async function startServices(options: {
  dataDir: string
  envOf: ServiceEnv
  progress: (line: string) => void
}): Promise<AsyncDisposable & { pids(): Record<string, number | undefined> }> {
  await using stack = new AsyncDisposableStack()
  const running = new Map<string, Supervised>()
  for (const together of START_ORDER) {
    const started = await Promise.allSettled(
      together.map(async (service) => running.set(service, await startService(service, options))),
    )
    // Disposed in reverse: gateways stop before what they ask.
    for (const service of together) if (running.has(service)) stack.use(running.get(service)!)
    for (const result of started) if (result.status === 'rejected') throw result.reason
  }
  const kept = stack.move()
  return {
    pids: () => Object.fromEntries([...running].map(([name, process]) => [name, process.pid])),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

function startService(
  service: LocalService,
  { dataDir, envOf, progress }: { dataDir: string; envOf: ServiceEnv; progress: (line: string) => void },
): Promise<Supervised> {
  return supervise({
    name: service,
    dataDir,
    launch: () => ({
      command: process.execPath,
      args: [join(ROOT, 'services', service, 'src/main.ts')],
      env: envOf(service),
      cwd: ROOT,
      ipc: true,
    }),
    ready: saysReady,
    progress,
  })
}

/** Runs a service's one-shot migration process. */
export async function migrateService(service: LocalService, env: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, [join(ROOT, 'services', service, 'src/migrate.ts')], {
    env,
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new SetupError(`The migrations of ${service} failed:\n${output.slice(-2_000)}`)
}

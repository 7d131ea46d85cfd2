// `npm start`: the whole product on this machine, with its demo. Stops what it started, and nothing else.
import pc from 'picocolors'
import { join } from 'node:path'
import { openDataDir, type DataDir } from './data-dir.ts'
import { defaultDataDir } from './default-data-dir.ts'
import { prepareDemo, runDemo } from './demo.ts'
import { SetupError } from './setup-error.ts'
import { startStack, type Stack } from './stack.ts'

const startedMs = performance.now()

function progress(line: string): void {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.error(`${pc.dim(`${seconds.padStart(6)} s`)}  ${line}`)
}

async function up(): Promise<void> {
  const stopping = new AbortController()
  const stopped = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!stopping.signal.aborted) progress(`${signal}: stopping`)
      stopping.abort(new SetupError('Stopped before it was up.'))
      stopped.resolve()
    })
  }
  using dataDir = openDataDir(
    process.env.MCPSHIELD_DATA_DIR ?? defaultDataDir(join(import.meta.dirname, '../..')),
  )
  progress(`data folder: ${dataDir.path}`)
  await using stack = await startStack({
    dataDir,
    env: process.env,
    progress,
    withWeb: true,
    signal: stopping.signal,
  })
  const demonstrating = demonstrate(stack, dataDir)
  // Stopped meanwhile, the demo fails on what is stopped below it; nobody needs to know.
  demonstrating.catch(() => undefined)
  await Promise.race([demonstrating, stopped.promise])
  const alive = setInterval(() => undefined, 1 << 30)
  await stopped.promise
  clearInterval(alive)
}

async function demonstrate(stack: Stack, dataDir: DataDir): Promise<void> {
  const demo = await prepareDemo(stack, dataDir, progress)
  console.log(await runDemo(stack, demo, progress))
  const { api, web, mcp, decisions, mail } = stack
  progress(`up in ${((performance.now() - startedMs) / 1000).toFixed(1)} s; Ctrl-C stops everything`)
  console.log(`ready ${JSON.stringify({ api, web, mcp, decisions, mail, demo: demo.account })}`)
}

try {
  await up()
} catch (error) {
  console.error(error instanceof SetupError ? pc.red(error.message) : error)
  process.exitCode = 1
}

// `npm start`: the whole product on this machine, with its demo. Stops what it started, and nothing else.
import pc from 'picocolors'
import { openDataDir } from './data-dir.ts'
import { prepareDemo, runDemo } from './demo.ts'
import { SetupError } from './setup-error.ts'
import { startStack } from './stack.ts'

const startedMs = performance.now()

function progress(line: string): void {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.error(`${pc.dim(`${seconds.padStart(6)} s`)}  ${line}`)
}

async function up(): Promise<void> {
  const stopped = Promise.withResolvers<string>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stopped.resolve(signal))
  using dataDir = openDataDir(process.env.MCPSHIELD_DATA_DIR ?? '.mcpshield')
  progress(`data folder: ${dataDir.path}`)
  const starting = startStack({ dataDir, env: process.env, progress })
  // A signal during the start still waits for what has started, to stop it.
  await using stack = await starting
  const demo = await prepareDemo(stack, dataDir, progress)
  console.log(await runDemo(stack, demo, progress))
  const { api, mcp, decisions } = stack
  progress(`up in ${((performance.now() - startedMs) / 1000).toFixed(1)} s; Ctrl-C stops everything`)
  console.log(`ready ${JSON.stringify({ api, mcp, decisions, demo: demo.account })}`)
  const alive = setInterval(() => undefined, 1 << 30)
  const signal = await stopped.promise
  clearInterval(alive)
  progress(`${signal}: stopping`)
}

try {
  await up()
} catch (error) {
  console.error(error instanceof SetupError ? pc.red(error.message) : error)
  process.exitCode = 1
}

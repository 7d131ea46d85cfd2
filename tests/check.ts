// `npm run check [name …]`: types, the dashboard's types, lint and format, two at a time; one that fails hides no other.
import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const BIN = join(ROOT, 'node_modules/.bin')
const AT_ONCE = 2

/** The longest first. */
const CHECKS: Record<string, string[]> = {
  lint: ['eslint', '.'],
  types: ['tsc', '-p', 'tsconfig.json'],
  web: ['svelte-check', '--workspace', 'web', '--tsconfig', './tsconfig.json', '--fail-on-warnings'],
  format: ['prettier', '--check', '--log-level', 'warn', '.'],
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CHECKS)
const unknown = names.filter((name) => !(name in CHECKS))
if (unknown.length > 0) {
  console.error(`There is no check ${unknown.join(', ')}; there are ${Object.keys(CHECKS).join(', ')}.`)
  process.exit(2)
}
// Types that SvelteKit makes of the routes: the others read them.
execFileSync(join(BIN, 'svelte-kit'), ['sync'], { cwd: join(ROOT, 'web'), stdio: 'inherit' })
const waiting = [...names]
const failed: string[] = []
await Promise.all(Array.from({ length: AT_ONCE }, workOff))
if (failed.length > 0) console.error(`\nfailed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

async function workOff(): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await check(name)
}

async function check(name: string): Promise<void> {
  const startedMs = performance.now()
  const [command = '', ...args] = CHECKS[name] ?? []
  const env = { ...process.env, PATH: `${BIN}:${process.env.PATH ?? ''}` }
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve(status ?? 1))
  })
  if (code !== 0) failed.push(name)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
  console.log(
    `${code === 0 ? 'passed' : 'FAILED'}  ${name.padEnd(6)}  ${seconds} s\n${code === 0 ? '' : output}`,
  )
}

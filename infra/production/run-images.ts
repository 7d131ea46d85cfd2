// Runs the images that were built, all of them and together, as docker-compose.yml says, and asks what they come to with
// verify_setup.sh's checks. Only the stores, the mailbox and Caddy are this machine's own.
//
//   docker compose build && node infra/production/run-images.ts            # or: … podman
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDataDir } from '../dev/data-dir.ts'
import { filled, readCompose, ROOT } from './compose-file.ts'
import { rehearse, type Rehearsal } from './rehearsal.ts'
import { containerOf, inContainers } from './rehearsal/containers.ts'
import { codeFromMailbox, signUp } from './verify/account.ts'
import { asking } from './verify/asking.ts'
import { findings } from './verify/findings.ts'
import { verify } from './verify.ts'

type Engine = (...args: string[]) => string

async function main(words: string[]): Promise<number> {
  const [command = '', ...before] = words
  const engine: Engine = (...args) =>
    execFileSync(command, [...before, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim()
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-images-'))
  try {
    using dataDir = openDataDir(folder)
    const programsDir = join(ROOT, 'node_modules/.cache/mcpshield')
    const options = { env: process.env, programsDir, progress: (line: string) => console.error(line) }
    await using running = await rehearse(dataDir, options, inContainers(words))
    const problems = await problemsOf(running)
    for (const name of running.services) problems.push(...(await containerProblems(engine, running, name)))
    for (const problem of problems) console.log(problem)
    console.log(problems.length === 0 ? 'all images do their work' : `${problems.length} problems`)
    return problems.length === 0 ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function problemsOf({ urls, door, mail }: Rehearsal): Promise<string[]> {
  const ask = asking(door)
  const found = findings((line) => console.log(line))
  const readCode = codeFromMailbox(mail, asking())
  await verify({ urls, ask, session: () => signUp(urls.api, ask, { readCode }) }, found)
  return found.all.filter(({ outcome }) => outcome !== 'ok').map(({ name, outcome }) => `${name}: ${outcome}`)
}

/** Prints what it takes, and asks from inside who it is and what it may write to. */
async function containerProblems(engine: Engine, running: Rehearsal, name: string): Promise<string[]> {
  const container = containerOf(name)
  const image = filled(readCompose().services[name]?.image ?? '', {})
  const megabytes = Number(engine('image', 'inspect', '--format={{.Size}}', image)) / 1e6
  const memory = engine('stats', '--no-stream', '--format={{.MemUsage}}', container)
  console.log(`${name.padEnd(14)} image ${megabytes.toFixed(0)} MB   memory ${memory}`)
  const problems: string[] = []
  if (engine('exec', container, 'id', '-u') === '0') problems.push(`${name} is run by root`)
  if (canWrite(engine, container)) problems.push(`${name} can write to its own code`)
  if ((await running.health(name)) !== 0) problems.push(`${name} does not say that it is well`)
  return problems
}

function canWrite(engine: Engine, container: string): boolean {
  try {
    engine('exec', container, 'touch', '/app/written')
    return true
  } catch {
    return false
  }
}

if (import.meta.main)
  process.exitCode = await main(process.argv.length > 2 ? process.argv.slice(2) : ['docker'])

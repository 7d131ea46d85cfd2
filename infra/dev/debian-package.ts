// A server out of its Debian or Ubuntu package, without installing it and without root: apt verifies and
// downloads, dpkg unpacks into a folder of ours. Nothing outside it changes.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findBinary } from './binaries.ts'
import type { ServerName } from './server-program.ts'

const run = promisify(execFile)

export interface DebianProgram {
  command: string
  /** For LD_LIBRARY_PATH: libraries this machine does not have installed. */
  libraryPath: string
  /** What was unpacked, with versions. */
  packages: string
}

interface Options {
  programsDir: string
  env: NodeJS.ProcessEnv
  progress: (line: string) => void
}

/** A program unpacked at an earlier start. */
export function unpackedDebianProgram(name: ServerName, programsDir: string): DebianProgram | undefined {
  const root = join(programsDir, name)
  const command = ['usr/sbin', 'usr/bin'].map((folder) => join(root, folder, name)).find(existsSync)
  if (!command) return undefined
  const packages = readFileSync(join(root, 'packages'), 'utf8').trim()
  return { command, libraryPath: libraryFolders(root).join(':'), packages }
}

/** Fetches and unpacks it; undefined where this system has no apt. */
export async function fetchDebianProgram(
  name: ServerName,
  { programsDir, env, progress }: Options,
): Promise<DebianProgram | undefined> {
  if (!['apt-get', 'apt-cache', 'dpkg', 'dpkg-query'].every((tool) => findBinary(tool, env))) return undefined
  const root = join(programsDir, name)
  const draft = `${root}.new-${process.pid}`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(join(draft, 'debs'), { recursive: true })
  progress(`${name}: fetching its Debian package`)
  await download(name, join(draft, 'debs'), { programsDir, env, progress })
  const debs = readdirSync(join(draft, 'debs')).filter((file) => file.endsWith('.deb'))
  for (const deb of debs) await run('dpkg', ['-x', join(draft, 'debs', deb), draft], { env })
  rmSync(join(draft, 'debs'), { recursive: true })
  writeFileSync(
    join(draft, 'packages'),
    debs
      .map((deb) => deb.split('_', 2).join(' '))
      .map(decodeURIComponent)
      .join(', '),
  )
  moveInto(draft, root)
  const program = unpackedDebianProgram(name, programsDir)
  if (!program) throw new Error(`the package has no program ${name}`)
  await requireLibraries(program)
  return program
}

// Whole or not at all. Another start may have been quicker: then its copy is as good.
function moveInto(draft: string, root: string): void {
  try {
    renameSync(draft, root)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    if (!existsSync(root)) throw error
  }
}

// The system's package lists first; where they are missing or too old, lists of our own.
async function download(name: string, into: string, { programsDir, env, progress }: Options): Promise<void> {
  const options = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : []
  try {
    return await downloadWith(options)
  } catch {
    progress(`${name}: the system's package lists do not do; fetching current ones`)
  }
  const own = [...options, ...ownLists(join(programsDir, 'apt'))]
  await run('apt-get', [...own, 'update', '-q'], { env, timeout: 300_000 })
  await downloadWith(own)

  async function downloadWith(aptOptions: string[]): Promise<void> {
    const packages = await missingPackages(name, aptOptions, env)
    await run('apt-get', [...aptOptions, 'download', '-q', ...packages], { cwd: into, env, timeout: 300_000 })
  }
}

function ownLists(folder: string): string[] {
  for (const part of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, part), { recursive: true })
  const settings = { 'Dir::State::lists': join(folder, 'lists'), 'Dir::Cache': join(folder, 'cache') }
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}

// The package, its sister packages, and the libraries these need that are not installed.
async function missingPackages(
  name: string,
  aptOptions: string[],
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const { stdout } = await run('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Abbrev}\n'], {
    env,
    maxBuffer: 1e8,
  })
  const installed = new Set(
    stdout
      .split('\n')
      .filter((line) => / ii/.test(line))
      .map((line) => line.split(' ')[0] ?? ''),
  )
  const wanted = new Set([name])
  for (const each of wanted) {
    const { stdout: record } = await run('apt-cache', [...aptOptions, 'show', '--no-all-versions', each], {
      env,
      maxBuffer: 1e8,
    })
    for (const dependency of neededPackages(record, installed)) wanted.add(dependency)
  }
  return [...wanted]
}

/** Of a package record, the libraries and sister packages to fetch; of alternatives, the first. */
export function neededPackages(record: string, installed: ReadonlySet<string>): string[] {
  const field = /^Depends: (.*)$/m.exec(record)?.[1] ?? ''
  return field.split(', ').flatMap((group) => {
    const names = group.split(' | ').map((name) => name.replace(/[ :(].*$/, ''))
    const first = names[0]
    if (!first || names.some((name) => installed.has(name))) return []
    return /^(lib|redis-)/.test(first) ? [first] : []
  })
}

async function requireLibraries({ command, libraryPath, packages }: DebianProgram): Promise<void> {
  const { stdout } = await run('ldd', [command], {
    env: { PATH: '/usr/bin:/bin', LD_LIBRARY_PATH: libraryPath },
  }).catch(() => ({ stdout: '' }))
  const missing = [...stdout.matchAll(/(\S+) => not found/g)].map(([, library]) => library)
  if (missing.length > 0)
    throw new Error(`${packages} needs ${missing.join(', ')}, which this machine does not have`)
}

function libraryFolders(root: string): string[] {
  return ['usr/lib', 'lib'].flatMap((folder) => {
    const path = join(root, folder)
    if (!existsSync(path)) return []
    return [
      path,
      ...readdirSync(path)
        .filter((name) => name.includes('-linux-'))
        .map((name) => join(path, name)),
    ]
  })
}

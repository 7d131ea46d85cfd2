// A server out of its Debian or Ubuntu package, without installing it and without root: apt verifies and
// downloads, dpkg unpacks into a folder of ours. Nothing outside it changes.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Apt, firstComplaint, ownApt, systemApt } from './apt.ts'
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
  return existsSync(root) ? programIn(root, name) : undefined
}

function programIn(root: string, name: ServerName): DebianProgram {
  const command = ['usr/sbin', 'usr/bin'].map((folder) => join(root, folder, name)).find(existsSync)
  if (!command) throw new Error(`the package has no program ${name}`)
  const packages = readFileSync(join(root, 'packages'), 'utf8')
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
  const debs = join(draft, 'debs')
  try {
    mkdirSync(debs, { recursive: true })
    progress(`${name}: fetching its Debian package`)
    await download(name, debs, { programsDir, env, progress })
    await unpack(debs, draft, env)
    await requireLibraries(programIn(draft, name))
    moveInto(draft, root)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return programIn(root, name)
}

async function unpack(debs: string, into: string, env: NodeJS.ProcessEnv): Promise<void> {
  const files = readdirSync(debs).filter((file) => file.endsWith('.deb'))
  for (const file of files) await run('dpkg', ['-x', join(debs, file), into], { env })
  rmSync(debs, { recursive: true })
  const names = files.map((file) => decodeURIComponent(file.split('_', 2).join(' ')))
  writeFileSync(join(into, 'packages'), names.join(', '))
}

// Whole or not at all. Another start may have been quicker: then its copy is as good.
function moveInto(draft: string, root: string): void {
  try {
    renameSync(draft, root)
  } catch (error) {
    if (!existsSync(root)) throw error
  }
}

// The system's package lists first; where they are missing or too old, lists of our own.
async function download(name: string, into: string, { programsDir, env, progress }: Options): Promise<void> {
  try {
    return await downloadWith(systemApt(env))
  } catch (error) {
    progress(
      `${name}: the system's package lists do not do (${firstComplaint(error)}); fetching current ones`,
    )
  }
  await downloadWith(await ownApt(join(programsDir, 'apt'), env))

  async function downloadWith(apt: Apt): Promise<void> {
    await apt.download(await missingPackages(name, apt, env), into)
  }
}

// The package, its sister packages, and the libraries these need that are not installed.
async function missingPackages(name: string, apt: Apt, env: NodeJS.ProcessEnv): Promise<string[]> {
  const format = '${Package} ${db:Status-Abbrev}\n'
  const { stdout } = await run('dpkg-query', ['-W', '-f', format], { env, maxBuffer: 1e8 })
  const installed = new Set(
    [...stdout.matchAll(/^(\S+) ii/gm)].map(([, installedName]) => installedName ?? ''),
  )
  const wanted = new Set([name])
  for (const each of wanted) {
    for (const dependency of neededPackages(await apt.show(each), installed)) wanted.add(dependency)
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

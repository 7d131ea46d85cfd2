// PostgreSQL refuses to run as root. Started by root it runs as another user, who must be able to reach its
// programs and its data: often not so below /root. Then its data lives outside, and the data folder says where.
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { SetupError } from './setup-error.ts'

export interface Account {
  uid: number
  gid: number
}

export interface PostgresHome {
  /** Where its data lives. */
  path: string
  /** Whom to run it as; undefined: as this process's own user. */
  account?: Account
}

const OUTSIDE = '/var/lib/mcpshield'

/** A folder that belongs to the user PostgreSQL will run as. */
export function postgresHome(dataDir: string, progress: (line: string) => void): PostgresHome {
  const inside = join(dataDir, 'postgres')
  if (process.getuid?.() !== 0) {
    mkdirSync(inside, { recursive: true, mode: 0o700 })
    return { path: inside }
  }
  const account = ownerOf(inside) ?? nobody()
  if (canReach(dataDir, account)) return { path: ownFolder(inside, account), account }
  removeAbandoned()
  const path = ownFolder(outsideFolder(dataDir), account)
  progress(`PostgreSQL cannot run as root, and its user cannot enter ${dataDir}: its data is in ${path}`)
  return { path, account }
}

/** Whether that user could enter this folder or run this file. */
export function canReach(path: string, { uid, gid }: Account): boolean {
  return spawnSync('test', ['-x', path], { uid, gid, cwd: '/', stdio: 'ignore' }).status === 0
}

// A folder from an earlier start under an ordinary user keeps its user.
function ownerOf(folder: string): Account | undefined {
  const { uid = 0, gid = 0 } = statSync(join(folder, 'data'), { throwIfNoEntry: false }) ?? {}
  return uid === 0 ? undefined : { uid, gid }
}

function nobody(): Account {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'))
  const [, , uid, gid] = line?.split(':') ?? []
  if (!uid || !gid) {
    throw new SetupError(
      'PostgreSQL refuses to run as root, and this machine has no user "nobody" to run it as. ' +
        'Start as an ordinary user: su - USER -c "npm start" — or name a server: DATABASE_URL=postgresql://… npm start',
    )
  }
  return { uid: Number(uid), gid: Number(gid) }
}

function ownFolder(path: string, { uid, gid }: Account): string {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  chownSync(path, uid, gid)
  return path
}

function outsideFolder(dataDir: string): string {
  const marker = markerOf(dataDir)
  const path = readText(marker) ?? join(OUTSIDE, randomUUID())
  writeFileSync(marker, path)
  mkdirSync(OUTSIDE, { recursive: true, mode: 0o711 })
  mkdirSync(path, { recursive: true, mode: 0o700 })
  writeFileSync(join(path, 'belongs-to'), dataDir)
  return path
}

// A deleted data folder takes its outside part along, at the next start of any other. Where the folder above
// is gone too, a disk may only not be mounted: then nothing is removed.
function removeAbandoned(): void {
  for (const name of foldersIn(OUTSIDE)) {
    const path = join(OUTSIDE, name)
    const owner = readText(join(path, 'belongs-to'))
    if (owner && existsSync(dirname(owner)) && readText(markerOf(owner)) !== path)
      rmSync(path, { recursive: true, force: true })
  }
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}

const markerOf = (dataDir: string) => join(dataDir, 'postgres.location')

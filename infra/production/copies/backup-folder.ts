// A backup is a folder of compressed files and a manifest with the sum of each: what does not add up is not restored.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  createReadStream,
  createWriteStream,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { SetupError } from '../../dev/setup-error.ts'

/** Raised when a restore of before could not read what is written now. */
const FORMAT = 1
const MANIFEST = 'manifest.json'
const SECRETS = 'secrets'

export type FileSum = {
  /** Of the file as it lies there, compressed. */
  sha256: string
  bytes: number
  /** What was copied into it: rows, keys or messages. */
  items: number
}

export type Manifest = {
  format: number
  version: string
  created_at: string
  /** The applied migrations of each schema: data fits into the tables of these and no others. */
  migrations: Record<string, string[]>
  /** How each stream is made and how far it was. */
  streams: Record<string, { config: object; state: object }>
  has_secrets: boolean
  files: Record<string, FileSum>
}

export type BackupWriter = {
  /** Compresses what comes into a file. `items` is asked at the end. */
  write(name: string, content: Readable, items: () => number): Promise<void>
  copySecrets(folder: string): void
  /** Only now it is a backup: before, the folder has another name. */
  finish(manifest: Omit<Manifest, 'format' | 'files' | 'has_secrets'>): string
}

/** Begins a backup below `into`; disposed before it is finished, nothing is left of it. */
export function beginBackup(into: string, at: Date): BackupWriter & Disposable {
  const name = at.toISOString().replace(/[:]|\.\d+/g, '')
  const draft = join(into, `${name}.partial`)
  const files: Record<string, FileSum> = {}
  let hasSecrets = false
  let isDone = false
  mkdirSync(draft, { recursive: true, mode: 0o700 })
  return {
    async write(name, content, items) {
      const file = join(draft, name)
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      const sum = summing()
      await pipeline(content, createGzip({ level: 3 }), sum, createWriteStream(file, { mode: 0o600 }))
      files[name] = { ...sum.result(), items: items() }
    },
    copySecrets(folder) {
      const target = join(draft, SECRETS)
      cpSync(folder, target, { recursive: true })
      for (const below of foldersBelow(target)) chmodSync(below, 0o700)
      for (const path of filesBelow(target)) {
        chmodSync(path, 0o600)
        files[relative(draft, path)] = { ...sumOfText(readFileSync(path)), items: 1 }
      }
      hasSecrets = true
    },
    finish(rest) {
      const manifest: Manifest = { format: FORMAT, ...rest, has_secrets: hasSecrets, files }
      writeFileSync(join(draft, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 })
      const done = join(into, name)
      renameSync(draft, done)
      isDone = true
      return done
    },
    [Symbol.dispose]() {
      if (!isDone) rmSync(draft, { recursive: true, force: true })
    },
  }
}

/** Reads the manifest and compares every file with its sum. Throws a SetupError that names what is wrong. */
export async function checkBackup(folder: string): Promise<Manifest> {
  const file = join(folder, MANIFEST)
  if (!existsSync(file)) throw new SetupError(`${folder} is not a backup: it has no ${MANIFEST}.`)
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest
  if (manifest.format !== FORMAT)
    throw new SetupError(`The backup has format ${manifest.format}; this version reads format ${FORMAT}.`)
  for (const [name, wanted] of Object.entries(manifest.files)) {
    const path = join(folder, name)
    if (!existsSync(path)) throw new SetupError(`The backup is not whole: ${name} is missing.`)
    const sum = summing()
    sum.resume()
    await pipeline(createReadStream(path), sum)
    const { sha256, bytes } = sum.result()
    if (sha256 !== wanted.sha256 || bytes !== wanted.bytes)
      throw new SetupError(`The backup is damaged: ${name} is not what was written.`)
  }
  return manifest
}

/** The content of a file of the backup. */
export function openCopy(folder: string, name: string): Readable {
  return createReadStream(join(folder, name)).pipe(createGunzip())
}

export const secretsOf = (folder: string) => join(folder, SECRETS)

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

function foldersBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const below = entries.filter((entry) => entry.isDirectory())
  return [folder, ...below.map((entry) => join(entry.parentPath, entry.name))]
}

function sumOfText(content: Buffer): { sha256: string; bytes: number } {
  return { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length }
}

type Summing = Transform & { result(): { sha256: string; bytes: number } }

function summing(): Summing {
  const hash = createHash('sha256')
  let bytes = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      bytes += chunk.length
      done(null, chunk)
    },
  })
  return Object.assign(stream, { result: () => ({ sha256: hash.digest('hex'), bytes }) })
}

// The folder of secrets of an installation: each is made once, in a file that only its owner can read, and never changed.
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export type Owner = { uid: number; gid: number }

export type SecretFolder = {
  path: string
  /** Keeps what is there; else makes the file, whole or not at all. Returns its content. */
  keepOrMake(name: string, make: () => string): string
  /** Replaces what is there: for what is derived, and only when that has changed. */
  put(name: string, content: string): void
  has(name: string): boolean
  /** Undefined when there is none, or an empty one. */
  read(name: string): string | undefined
  /** What was made or replaced since the folder was opened. */
  made(): string[]
}

/** 256 random bits that are safe in a URL. */
export const newPassword = () => randomBytes(32).toString('base64url')
/** 256 random bits as the services' keys are written. */
export const newHexKey = () => randomBytes(32).toString('hex')

/** `owner`: whom the files are given to; without it they are whoever's runs this. */
export function openSecretFolder(path: string, owner?: Owner): SecretFolder {
  const made = new Set<string>()
  makeFolder(path, owner)
  const write = (name: string, content: string) => {
    const file = join(path, name)
    if (dirname(file) !== path) makeFolder(dirname(file), owner)
    const draft = `${file}.new`
    writeFileSync(draft, content, { mode: 0o600 })
    if (owner !== undefined) chownSync(draft, owner.uid, owner.gid)
    renameSync(draft, file)
    made.add(relative(path, file))
  }
  return {
    path,
    made: () => [...made],
    has: (name) => read(join(path, name)) !== undefined,
    read: (name) => read(join(path, name)),
    put(name, content) {
      if (read(join(path, name)) !== content) write(name, content)
    },
    keepOrMake(name, make) {
      const there = read(join(path, name))
      if (there !== undefined) return there
      const content = make()
      write(name, content)
      return content
    },
  }
}

/** Folders too are their owner's alone. */
export function makeFolder(path: string, owner?: Owner): void {
  if (existsSync(path)) return
  makeFolder(dirname(path), owner)
  mkdirSync(path, { mode: 0o700 })
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid)
}

/** An empty file is what a full disk leaves: it is made anew. */
function read(file: string): string | undefined {
  if (!existsSync(file)) return undefined
  const content = readFileSync(file, 'utf8')
  return content.trim() === '' ? undefined : content
}

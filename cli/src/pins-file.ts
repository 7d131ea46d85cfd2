// The approved definitions of one server's tools: a file of the user's own, by the name that policies know the server by.
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { JsonValue } from '@mcpshield/policy/facts'
import { isObject } from './json-lines.ts'
import { locked } from './login-lock.ts'
import { CommandError, type World } from './world.ts'

export type Definition = { hash: string; definition: JsonValue; seen_at: string }
/** What is approved, and what the server offers instead, if that is another. */
export type PinnedTool = { approved: Definition; changed?: Definition }
export type Pinned = Map<string, PinnedTool>

export type PinsFile = {
  path: string
  /** As the file has it now. Throws when it cannot be read. */
  read(): Pinned
  /** Changes it, one command at a time; whoever reads it meanwhile gets it whole, as it was or as it is. */
  change(by: (pinned: Pinned) => void): Promise<Pinned>
}

const VERSION = 1
const OWNER_ONLY = 0o600
const FOLDER_OWNER_ONLY = 0o700

/** Where the pins of a server lie when no option says it. */
export function pinsPath({ environment }: World, name: string): string {
  if (environment.stateFolder === undefined)
    throw new CommandError(
      'there is no home folder to keep pins in: set HOME or XDG_STATE_HOME, or give --pins',
    )
  return join(environment.stateFolder, 'mcpshield', 'pins', `${name}.json`)
}

export function pinsFile(path: string): PinsFile {
  let known: { stamp: string; pinned: Pinned } | undefined
  const read = (): Pinned => {
    const stamp = stampOf(path)
    if (stamp === undefined) return new Map()
    if (known?.stamp !== stamp) known = { stamp, pinned: parsed(path, readFileSync(path, 'utf8')) }
    return known.pinned
  }
  return {
    path,
    read,
    change: (by) =>
      locked(path, async () => {
        known = undefined
        const pinned = new Map(read())
        by(pinned)
        writeWhole(path, pinned)
        return pinned
      }),
  }
}

/** Undefined where there is no file. */
function stampOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true })
  return found === undefined ? undefined : `${found.ino} ${found.mtimeNs} ${found.size}`
}

function parsed(path: string, text: string): Pinned {
  const file = parse(text)
  const tools = isObject(file) && file['version'] === VERSION ? file['tools'] : undefined
  const entries = isObject(tools) ? Object.entries(tools) : undefined
  if (entries === undefined || !entries.every(([, tool]) => isPinned(tool)))
    throw new CommandError(`${path} is no file of pins: mend it or remove it`)
  return new Map(entries as unknown as [string, PinnedTool][])
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

function isPinned(tool: JsonValue): boolean {
  if (!isObject(tool)) return false
  const { approved, changed } = tool
  return isDefinition(approved) && (changed === undefined || isDefinition(changed))
}

function isDefinition(value: JsonValue | undefined): boolean {
  return isObject(value) && typeof value['hash'] === 'string' && typeof value['seen_at'] === 'string'
}

function writeWhole(path: string, pinned: Pinned): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const tools = Object.fromEntries([...pinned].sort(([one], [other]) => (one < other ? -1 : 1)))
  try {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_OWNER_ONLY })
    writeFileSync(draft, `${JSON.stringify({ version: VERSION, tools }, null, 2)}\n`, {
      mode: OWNER_ONLY,
      flag: 'wx',
    })
    // The process may have been started with a mask that leaves even less.
    chmodSync(draft, OWNER_ONLY)
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw new CommandError(`${path} cannot be written: ${(error as Error).message}`)
  }
}

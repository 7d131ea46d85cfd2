// Which version of which project's policy a file was made from, kept beside the file: what `policy push` must know so
// that nobody's change is lost. It may be checked in with the policy.
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { member } from './rest-client.ts'
import { CommandError } from './world.ts'

export type PolicyOrigin = {
  api: string
  project_id: string
  version: number
  /** Of the text as it was pulled or pushed: tells whether the file was changed since. */
  sha256: string
}

export const originPath = (file: string) => `${file}.mcpshield.json`

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

export async function readOrigin(file: string): Promise<PolicyOrigin | undefined> {
  const path = originPath(file)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new CommandError(`${path} cannot be read: ${error.message}`)
  })
  if (text === undefined) return undefined
  const origin = parse(text)
  if (origin === undefined)
    throw new CommandError(`${path} is not what mcpshield wrote: remove it, and pull again`)
  return origin
}

function parse(text: string): PolicyOrigin | undefined {
  try {
    const read = JSON.parse(text) as unknown
    const [api, project_id] = [member(read, 'api'), member(read, 'project_id')]
    const [version, digest] = [member(read, 'version'), member(read, 'sha256')]
    if (typeof api !== 'string' || typeof project_id !== 'string') return undefined
    if (!Number.isSafeInteger(version) || typeof digest !== 'string') return undefined
    return { api, project_id, version: version as number, sha256: digest }
  } catch {
    return undefined
  }
}

export async function writeOrigin(file: string, origin: PolicyOrigin): Promise<void> {
  await writeWhole(originPath(file), `${JSON.stringify(origin, null, 2)}\n`)
}

export async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((error: Error) => {
    throw new CommandError(`${path} cannot be written: ${error.message}`)
  })
}

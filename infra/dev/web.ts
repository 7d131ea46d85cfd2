// The dashboard's web server: built when its sources have changed, then run like a service.
import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { saysReady, supervise, type Supervised } from './process.ts'
import { SetupError } from './setup-error.ts'

const ROOT = join(import.meta.dirname, '../..')
const WEB = join(ROOT, 'web')
const STAMP = join(WEB, 'build/.sources')
/** What the build reads: the dashboard, what it shows in the browser, and the documents it serves. */
const SOURCES = [
  'web/src',
  'web/static',
  'web/vite.config.ts',
  'web/package.json',
  'libs/policy/src',
  'docs',
  'package-lock.json',
]

/** Builds the dashboard unless what stands there was built of the same sources. */
export async function buildWeb(progress: (line: string) => void, signal?: AbortSignal): Promise<void> {
  const sources = sourcesHash()
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === sources) return
  progress('building the dashboard')
  const vite = join(
    dirname(createRequire(join(WEB, 'package.json')).resolve('vite/package.json')),
    'bin/vite.js',
  )
  const child = spawn(process.execPath, [vite, 'build'], {
    cwd: WEB,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new SetupError(`The dashboard could not be built:\n${output.slice(-4_000)}`)
  writeFileSync(STAMP, sources)
}

export function startWeb(options: {
  dataDir: string
  env: Record<string, string>
  progress: (line: string) => void
}): Promise<Supervised> {
  return supervise({
    name: 'web',
    dataDir: options.dataDir,
    launch: () => ({
      command: process.execPath,
      args: [join(WEB, 'src/main.ts')],
      env: options.env,
      cwd: ROOT,
      ipc: true,
    }),
    ready: saysReady,
    progress: options.progress,
  })
}

/** Of names, sizes and times: as good as contents where nobody forges them, and quick. */
function sourcesHash(): string {
  const hash = createHash('sha256')
  for (const source of SOURCES) for (const file of filesIn(source)) hash.update(lineOf(file))
  return hash.digest('hex')
}

function filesIn(source: string): string[] {
  const path = join(ROOT, source)
  if (!existsSync(path)) return []
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function lineOf(file: string): string {
  const { size, mtimeMs } = statSync(file)
  return `${file} ${size} ${mtimeMs}\n`
}

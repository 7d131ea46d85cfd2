import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { processIdentity } from './identity.ts'
import { type ProcessSpec, supervise } from './process.ts'

let dataDir: string
const lines: string[] = []

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'process-test-'))
  mkdirSync(join(dataDir, 'logs'))
  lines.length = 0
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

const spec = (shell: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
  name: 'sample',
  dataDir,
  launch: () => ({ command: '/bin/sh', args: ['-c', shell] }),
  ready: async () => {
    if (!readFileSync(join(dataDir, 'logs/sample.log'), 'utf8').includes('up')) throw new Error('not up yet')
  },
  progress: (line) => lines.push(line),
  ...more,
})

test('a program that ends before it is ready is an error that shows its last words', async () => {
  await expect(supervise(spec('echo cannot bind; exit 3'))).rejects.toThrow(/exit code 3[\s\S]*cannot bind/)
})

test('a program that never answers is stopped and reported', async () => {
  let pid: number | undefined
  const ready = async (child: { pid?: number | undefined }) => {
    pid = child.pid
    throw new Error('silence')
  }
  await expect(supervise(spec('sleep 60', { readyTimeoutMs: 200, ready }))).rejects.toThrow(
    /not ready in time: silence/,
  )
  expect(processIdentity(pid!)).toBeUndefined()
})

test('a program that is missing is an error with its name', async () => {
  const launch = () => ({ command: '/nonexistent/server', args: [] })
  await expect(supervise(spec('', { launch }))).rejects.toThrow('/nonexistent/server')
})

test('a program that dies comes back, and one that was disposed does not', async () => {
  const supervised = await supervise(spec('echo up; exec sleep 60'))
  const first = supervised.pid!
  process.kill(first, 'SIGKILL')
  await vi.waitFor(() => expect(supervised.pid).not.toBe(first), 5000)
  expect(lines).toContain('sample stopped (signal SIGKILL); starting it again')
  const second = supervised.pid!
  await supervised[Symbol.asyncDispose]()
  expect(processIdentity(second)).toBeUndefined()
  expect(supervised.pid).toBe(second)
  expect(readdirSync(join(dataDir, 'run'))).toEqual([])
})

test('what a program started is stopped with it, and one that ignores the polite signal is killed', async () => {
  const supervised = await supervise(
    spec('trap "" TERM; sleep 60 & echo child $! ; echo up; wait; wait', { stopTimeoutMs: 200 }),
  )
  const child = Number(/child (\d+)/.exec(readFileSync(join(dataDir, 'logs/sample.log'), 'utf8'))![1])
  expect(processIdentity(child)).toBeDefined()
  await supervised[Symbol.asyncDispose]()
  await vi.waitFor(() => expect(processIdentity(child)).toBeUndefined())
})

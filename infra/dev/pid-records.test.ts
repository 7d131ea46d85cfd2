import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { processIdentity } from './identity.ts'
import { recordPid, stopLeftovers } from './pid-records.ts'

let dataDir: string
let sleeper: ChildProcess

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'records-test-'))
  mkdirSync(join(dataDir, 'run'))
  sleeper = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
})
afterEach(() => {
  sleeper.kill('SIGKILL')
  rmSync(dataDir, { recursive: true, force: true })
})

const DEAD_OWNER = '999999999:1:boot'
const file = () => join(dataDir, 'run/store.pid')
const write = (record: object) => writeFileSync(file(), JSON.stringify(record))

// Its end names the first signal it had: ours, where nothing else was sent.
async function expectUntouched(): Promise<void> {
  const exited = once(sleeper, 'exit')
  sleeper.kill('SIGUSR1')
  expect((await exited)[1]).toBe('SIGUSR1')
}

test('a process whose owner is gone is stopped', async () => {
  const exited = once(sleeper, 'exit')
  write({ pid: sleeper.pid, identity: processIdentity(sleeper.pid!), owner: DEAD_OWNER })
  expect(await stopLeftovers(dataDir)).toEqual(['store'])
  await exited
  expect(await stopLeftovers(dataDir)).toEqual([])
})

test('a process whose owner lives is left alone', async () => {
  recordPid(dataDir, 'store', sleeper.pid!)
  expect(await stopLeftovers(dataDir)).toEqual([])
  await expectUntouched()
})

test('a recorded id that now means another program is left alone', async () => {
  write({ pid: sleeper.pid, identity: `${sleeper.pid}:1:an-earlier-boot`, owner: DEAD_OWNER })
  await stopLeftovers(dataDir)
  await expectUntouched()
})

test("one dead owner's clean-up spares what another dead owner left", async () => {
  write({ pid: sleeper.pid, identity: processIdentity(sleeper.pid!), owner: DEAD_OWNER })
  expect(await stopLeftovers(dataDir, '999999998:1:boot')).toEqual([])
  await expectUntouched()
})

test('a record cut off by a crash is passed over', async () => {
  writeFileSync(file(), '{"pid":')
  expect(await stopLeftovers(dataDir)).toEqual([])
  expect(readFileSync(file(), 'utf8')).toBe('{"pid":')
})

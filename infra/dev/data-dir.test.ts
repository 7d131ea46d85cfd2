import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDataDir } from './data-dir.ts'

let parent: string
beforeEach(() => (parent = mkdtempSync(join(tmpdir(), 'data-dir-test-'))))
afterEach(() => rmSync(parent, { recursive: true, force: true }))

test('a secret is 256 bits, the same at every start, and readable by its user only', () => {
  const path = join(parent, 'data')
  const made = (() => {
    using dataDir = openDataDir(path)
    return dataDir.secret('redis')
  })()
  using dataDir = openDataDir(path)
  expect(Buffer.from(made, 'base64url')).toHaveLength(32)
  expect(dataDir.secret('redis')).toBe(made)
  expect(dataDir.secret('nats')).not.toBe(made)
  expect(statSync(join(path, 'secrets/redis')).mode & 0o777).toBe(0o600)
  expect(statSync(join(path, 'secrets')).mode & 0o777).toBe(0o700)
})

test('an empty secret, as a full disk leaves one, is made anew', () => {
  using dataDir = openDataDir(join(parent, 'data'))
  writeFileSync(join(dataDir.path, 'secrets/redis'), '')
  expect(dataDir.secret('redis')).not.toBe('')
})

test('a second start on the folder is refused with the id of the first, until the first is disposed', () => {
  const path = join(parent, 'data')
  const first = openDataDir(path)
  expect(() => openDataDir(path)).toThrow(new RegExp(`process ${process.pid}\\).*MCPSHIELD_DATA_DIR`))
  first[Symbol.dispose]()
  openDataDir(path)[Symbol.dispose]()
})

test('the lock of a killed process does not outlive it', () => {
  const path = join(parent, 'data')
  const code = `const { openDataDir } = await import(${JSON.stringify(join(import.meta.dirname, 'data-dir.ts'))}); openDataDir(${JSON.stringify(path)}); process.kill(process.pid, 'SIGKILL')`
  expect(spawnSync(process.execPath, ['--input-type=module', '-e', code]).signal).toBe('SIGKILL')
  openDataDir(path)[Symbol.dispose]()
})

test('a folder that cannot be written is refused with what to do', () => {
  writeFileSync(join(parent, 'file'), '')
  expect(() => openDataDir(join(parent, 'file'))).toThrow(
    /cannot be written \(a file is in the way\).*MCPSHIELD_DATA_DIR=/,
  )
  expect(() => openDataDir('/proc/mcpshield')).toThrow(/cannot be written/)
})

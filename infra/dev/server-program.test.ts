import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findBinary } from './binaries.ts'
import { findServer } from './server-program.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'programs-test-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const options = (tools: Record<string, string>) => {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const [name, script] of Object.entries(tools))
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return { programsDir: join(folder, 'programs'), env: { PATH: bin }, progress: () => {} }
}
// A server in a system folder is found whatever the PATH says: then there is nothing to fetch.
const installed = findBinary('nats-server', {}) !== undefined

test('a program on the PATH is taken, and one that cannot be executed is not', async () => {
  const given = options({ 'nats-server': 'exit 0' })
  expect((await findServer('nats-server', given)).source).toBe(join(folder, 'bin/nats-server'))
  writeFileSync(join(folder, 'bin/other-server'), '', { mode: 0o644 })
  expect(findBinary('other-server', given.env)).toBeUndefined()
})

test.skipIf(installed)(
  'with nothing at hand, one sentence says what was tried and the command that mends it',
  async () => {
    await expect(findServer('nats-server', options({}))).rejects.toThrow(
      /^nats-server is not on the PATH;.*Docker.*Run: (sudo apt-get|brew) .*install.* nats-server.*NATS_URL=/,
    )
  },
)

test.skipIf(installed)(
  'when apt fails, its own complaint is in the sentence, and nothing half-fetched stays',
  async () => {
    const fails = 'echo "E: Unable to locate package" >&2; exit 100'
    const tools = {
      'apt-get': fails,
      'apt-cache': fails,
      dpkg: 'exit 0',
      'dpkg-query': 'exit 0',
      docker: 'exit 1',
    }
    const given = options(tools)
    await expect(findServer('nats-server', given)).rejects.toThrow(
      /could not be fetched \(Unable to locate package\); no Docker daemon answers/,
    )
    expect(findBinary('nats-server', { PATH: join(given.programsDir, 'nats-server') })).toBeUndefined()
  },
)

test.skipIf(installed)('where apt has nothing, a Docker daemon that answers is used', async () => {
  expect((await findServer('nats-server', options({ docker: 'exit 0' }))).source).toBe('Docker')
})

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { newSeeds } from '@mcpshield/bus/accounts'
import { busAccounts } from './bus-accounts.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'mcpshield-accounts-'))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

const seedsFile = () => join(dataDir, 'secrets/nats/seeds.json')
const seeds = () => JSON.parse(readFileSync(seedsFile(), 'utf8')) as Record<string, string>

test('keys are made once, and read by nobody but who runs it', async () => {
  const first = await busAccounts(dataDir)
  const before = seeds()
  const second = await busAccounts(dataDir)
  expect(seeds()).toEqual(before)
  expect(second.accounts.systemAccountId).toBe(first.accounts.systemAccountId)
  for (const file of [
    seedsFile(),
    first.operatorSeedFile,
    first.credsFile('siem'),
    first.credsFile('bus-keys-system'),
  ])
    expect(statSync(file).mode & 0o077, file).toBe(0)
})

test('a folder of an older version keeps its keys, and is given those that it lacks', async () => {
  const { operatorSigning: _, ...older } = newSeeds()
  mkdirSync(join(dataDir, 'secrets/nats'), { recursive: true })
  writeFileSync(seedsFile(), JSON.stringify(older))
  const { operatorSeedFile } = await busAccounts(dataDir)
  expect(seeds()).toMatchObject(older)
  expect(readFileSync(operatorSeedFile, 'utf8')).toBe(seeds().operatorSigning)
  expect(seeds().operatorSigning).toMatch(/^SO/)
})

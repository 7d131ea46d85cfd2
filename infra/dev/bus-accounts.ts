// The NATS keys of a local installation: made on the first start, kept in the data folder. Each service
// finds its credentials in a file of its own.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeAccounts, newSeeds, type AccountSeeds, type Accounts } from '@mcpshield/bus/accounts'

export type BusAccounts = {
  accounts: Accounts
  credsFile(service: string): string
  /** File with the seed of the operator's signing key, for `bus-keys` alone. */
  operatorSeedFile: string
}

export async function busAccounts(dataDir: string): Promise<BusAccounts> {
  const folder = join(dataDir, 'secrets', 'nats')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const seedsFile = join(folder, 'seeds.json')
  const seeds = seedsOf(seedsFile)
  const accounts = await makeAccounts(seeds)
  const credsFile = (service: string) => join(folder, `${service}.creds`)
  for (const [service, creds] of Object.entries(accounts.creds)) {
    writeFileSync(credsFile(service), creds, { mode: 0o600 })
  }
  const operatorSeedFile = join(folder, 'operator-signing.nk')
  writeFileSync(operatorSeedFile, seeds.operatorSigning, { mode: 0o600 })
  return { accounts, credsFile, operatorSeedFile }
}

/** Those kept in the file; what an older version did not have yet is made and kept too. */
function seedsOf(file: string): AccountSeeds {
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<AccountSeeds>) : {}
  const seeds = { ...newSeeds(), ...kept }
  if (Object.keys(kept).length < Object.keys(seeds).length) {
    // Renamed into place: a kill in the middle leaves the seeds that there were.
    writeFileSync(`${file}.tmp`, JSON.stringify(seeds), { mode: 0o600 })
    renameSync(`${file}.tmp`, file)
  }
  return seeds
}

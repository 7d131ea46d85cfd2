// The NATS keys of a local installation: made on the first start, kept in the data folder. Each service
// finds its credentials in a file of its own.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeAccounts, newSeeds, type Accounts, type AccountSeeds } from '@mcpshield/bus/accounts'

export type BusAccounts = { accounts: Accounts; credsFile(service: string): string }

export async function busAccounts(dataDir: string): Promise<BusAccounts> {
  const folder = join(dataDir, 'secrets', 'nats')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const seedsFile = join(folder, 'seeds.json')
  if (!existsSync(seedsFile)) writeFileSync(seedsFile, JSON.stringify(newSeeds()), { mode: 0o600 })
  const accounts = await makeAccounts(JSON.parse(readFileSync(seedsFile, 'utf8')) as AccountSeeds)
  const credsFile = (service: string) => join(folder, `${service}.creds`)
  for (const [service, creds] of Object.entries(accounts.creds)) {
    writeFileSync(credsFile(service), creds, { mode: 0o600 })
  }
  return { accounts, credsFile }
}

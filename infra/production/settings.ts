// What an operator decides: domains, whom mails are from. No secrets. Kept in `.env`, which Compose reads.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { SetupError } from '../dev/setup-error.ts'

export type Settings = {
  APP_DOMAIN: string
  API_DOMAIN: string
  MCP_DOMAIN: string
  /** Where the certificate authority writes to. */
  ACME_EMAIL: string
  SMTP_FROM_EMAIL: string
  MCPSHIELD_DIR: string
  MCPSHIELD_UID: string
  MCPSHIELD_GID: string
}

const DOMAIN = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/
const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,255}$/

/** Says everything that is wrong at once. */
export function settingsProblems(settings: Partial<Settings>): string[] {
  const problems: string[] = []
  const domains = ['APP_DOMAIN', 'API_DOMAIN', 'MCP_DOMAIN'] as const
  for (const name of domains) {
    const value = settings[name] ?? ''
    if (!DOMAIN.test(value)) problems.push(`${name}: "${value}" is not a domain name like app.example.com`)
  }
  const named = domains.map((name) => settings[name])
  if (new Set(named).size < named.length) problems.push('The three domains have to differ.')
  for (const name of ['ACME_EMAIL', 'SMTP_FROM_EMAIL'] as const)
    if (!EMAIL.test(settings[name] ?? ''))
      problems.push(`${name}: "${settings[name] ?? ''}" is not an address of e-mail`)
  return problems
}

/** Names and values of a file of settings; comments and empty lines are nothing. */
export function parseSettings(text: string): Record<string, string> {
  const lines = text.split('\n').flatMap((line) => {
    const [, name, value] = /^\s*([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? []
    return name === undefined ? [] : [[name, (value ?? '').trim().replace(/^(['"])(.*)\1$/, '$2')]]
  })
  return Object.fromEntries(lines) as Record<string, string>
}

/** Adds what is missing at the end of the file. What stands there stays, and wins. Returns the names that were added. */
export function keepSettings(file: string, settings: Partial<Settings>): string[] {
  const there = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const known = parseSettings(there)
  const missing = Object.entries(settings).filter(([name]) => known[name] === undefined)
  if (missing.length === 0) return []
  for (const [name, value] of missing)
    if (/[\n"'$\\]/.test(value))
      throw new SetupError(`${name} has a sign in it that cannot be written to ${file}.`)
  const head =
    there === ''
      ? '# Of MCPShield, for Compose. Secrets are files in the folder secrets/, not here.\n'
      : there
  const text = `${head.replace(/\n*$/, '\n')}${missing.map(([name, value]) => `${name}=${value}\n`).join('')}`
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return missing.map(([name]) => name)
}

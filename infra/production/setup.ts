// Makes what an installation needs besides its code: folders, secrets, settings. Run again it keeps all of it and adds what
// a later version needs. `setup_production.sh` checks the machine and calls this.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { SetupError } from '../dev/setup-error.ts'
import { kubernetesFiles } from './kubernetes.ts'
import { makeFolder, openSecretFolder, type Owner } from './secret-folder.ts'
import { makeSecrets } from './secrets.ts'
import { keepSettings, parseSettings, settingsProblems, type Settings } from './settings.ts'

const HELP = `Makes folders, secrets and settings of an installation; called by ./setup_production.sh.

  node infra/production/setup.ts --domain example.com --acme-email ops@example.com --smtp-url-file FILE

  --domain NAME          app.NAME, api.NAME and mcp.NAME; or each by --app-domain, --api-domain, --mcp-domain
  --acme-email EMAIL     where the certificate authority writes to
  --smtp-url-file FILE   holds smtp://user:password@host:587 or smtps://…; - reads it from standard input
  --smtp-from EMAIL      whom mails are from; noreply@NAME when absent
  --dir FOLDER           of secrets, data and backups; ./production when absent
  --settings FILE        of the settings; ./.env when absent
  --kubernetes           writes a kustomization with the secrets into the folder, too
`

/** Who the containers run as where this is run by root: nobody of the machine's. */
export const CONTAINER_OWNER: Owner = { uid: 10_001, gid: 10_001 }
const DATA = ['postgres', 'nats', 'redis', 'clickhouse', 'ollama', 'caddy']

export type SetupOptions = {
  dir: string
  envFile: string
  settings: Partial<Settings>
  /** The mail server's URL, unless an earlier run was given it. */
  smtpUrl: string | undefined
  kubernetes: boolean
}

/** Returns what was made, in words. */
export async function setUp({
  dir,
  envFile,
  settings,
  smtpUrl,
  kubernetes,
}: SetupOptions): Promise<string[]> {
  const path = resolve(dir)
  const owner = process.getuid?.() === 0 ? CONTAINER_OWNER : undefined
  const { uid, gid } = owner ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const known = readSettings(envFile)
  const whole: Partial<Settings> = {
    ...settings,
    MCPSHIELD_DIR: dir,
    MCPSHIELD_UID: String(uid),
    MCPSHIELD_GID: String(gid),
    ...known,
  }
  const problems = settingsProblems(whole)
  if (problems.length > 0) throw new SetupError(problems.join('\n'))
  makeFolder(path, owner)
  for (const name of DATA) makeFolder(join(path, 'data', name), owner)
  makeFolder(join(path, 'backups'), owner)
  const folder = openSecretFolder(join(path, 'secrets'), owner)
  keepSmtpUrl(folder, smtpUrl)
  await makeSecrets(folder, owner === undefined ? {} : { owner })
  const added = keepSettings(envFile, whole)
  const made = [...folder.made().map((name) => `secret ${name}`), ...added.map((name) => `setting ${name}`)]
  if (kubernetes) made.push(...kubernetesFiles(path, whole as Settings))
  return made
}

function keepSmtpUrl(folder: ReturnType<typeof openSecretFolder>, given: string | undefined): void {
  const url = (folder.read('smtp-url') ?? given ?? '').trim()
  if (!/^smtps?:\/\/\S+$/.test(url))
    throw new SetupError(
      'A mail server is needed, for the codes of who signs up: a file with smtp://user:password@host:587, by --smtp-url-file.',
    )
  folder.keepOrMake('smtp-url', () => `${url}\n`)
}

function readSettings(file: string): Record<string, string> {
  try {
    return parseSettings(readFileSync(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

function domainsOf(values: Record<string, string | boolean | undefined>): Partial<Settings> {
  const { domain } = values
  const one = (name: 'app' | 'api' | 'mcp') =>
    (values[`${name}-domain`] as string | undefined) ??
    (domain === undefined ? undefined : `${name}.${domain}`)
  const from =
    (values['smtp-from'] as string | undefined) ?? (domain === undefined ? undefined : `noreply@${domain}`)
  const all = {
    APP_DOMAIN: one('app'),
    API_DOMAIN: one('api'),
    MCP_DOMAIN: one('mcp'),
    ACME_EMAIL: values['acme-email'] as string | undefined,
    SMTP_FROM_EMAIL: from,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      domain: text,
      'app-domain': text,
      'api-domain': text,
      'mcp-domain': text,
      'acme-email': text,
      'smtp-url-file': text,
      'smtp-from': text,
      dir: { ...text, default: './production' },
      settings: { ...text, default: '.env' },
      kubernetes: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(HELP)
  const smtpFile = values['smtp-url-file']
  const made = await setUp({
    dir: values.dir,
    envFile: values.settings,
    settings: domainsOf(values),
    smtpUrl: smtpFile === undefined ? undefined : readFileSync(smtpFile === '-' ? 0 : smtpFile, 'utf8'),
    kubernetes: values.kubernetes,
  })
  for (const each of made) console.log(`made     ${each}`)
  if (made.length === 0) console.log('nothing was missing; nothing was changed')
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(error instanceof SetupError ? error.message : error)
    process.exitCode = 1
  })
}

// A kustomization of one installation: the example's shape, with the secrets of this folder and its domains. Kustomize reads
// only files below its own folder, so it lies beside the secrets.
import { existsSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { SECRETS_OF, SECRETS_OF_MEMBERS, SECRETS_OF_STORES } from './secrets-of.ts'
import type { Settings } from './settings.ts'

const BASE = join(import.meta.dirname, '../kubernetes/overlays/example')

/** Writes `kustomization.yaml` unless there is one. Returns what was made, in words. */
export function kubernetesFiles(folder: string, settings: Settings): string[] {
  const file = join(folder, 'kustomization.yaml')
  if (existsSync(file)) return []
  writeFileSync(file, kustomization(settings, relative(folder, BASE)), { mode: 0o600 })
  return [`kustomization ${file}`]
}

export function kustomization(settings: Settings, example: string): string {
  // Backups run by hand, or by the stores' operators; PostgreSQL's own server is its operator's.
  const { postgres: _, ...stores } = SECRETS_OF_STORES
  const { backup: _byHand, ...services } = SECRETS_OF
  const secrets = { ...services, ...stores }
  for (const [store, files] of Object.entries(SECRETS_OF_MEMBERS))
    secrets[store] = { ...secrets[store], ...files }
  return `# Of this installation. It holds no secret itself, and names the files that do.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: mcpshield
resources:
  - ${example}

configMapGenerator:
  - name: mcpshield-addresses
    behavior: merge
    literals:
      - APP_DOMAIN=${settings.APP_DOMAIN}
      - WEB_URL=https://${settings.APP_DOMAIN}
      - API_URL=https://${settings.API_DOMAIN}
      - MCP_URL=https://${settings.MCP_DOMAIN}
      - MCP_ALLOWED_HOSTS=${settings.MCP_DOMAIN}
      - ALLOWED_ORIGINS=https://${settings.APP_DOMAIN}
      - SMTP_FROM_EMAIL=${settings.SMTP_FROM_EMAIL}

secretGenerator:
${Object.entries(secrets).map(secretOf).join('\n')}
  - name: mcpshield-postgres-superuser
    behavior: replace
    type: kubernetes.io/basic-auth
    literals: [username=postgres]
    files: [password=secrets/postgres-password]

patches:
${(['APP', 'API', 'MCP'] as const).map((name, index) => listenerOf(index + 1, settings[`${name}_DOMAIN`])).join('\n')}
`
}

function listenerOf(index: number, domain: string): string {
  const patch = JSON.stringify([{ op: 'replace', path: `/spec/listeners/${index}/hostname`, value: domain }])
  return `  - target: { kind: Gateway, name: mcpshield }\n    patch: '${patch}'`
}

function secretOf([process, secrets]: [string, Record<string, string>]): string {
  const files = Object.entries(secrets).map(([name, file]) => `      - ${name}=secrets/${file}`)
  return `  - name: mcpshield-${process}\n    behavior: replace\n    files:\n${files.join('\n')}`
}

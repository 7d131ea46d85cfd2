// What the Kubernetes files come to, built by kustomize itself.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { findBinary } from '../dev/binaries.ts'
import { setUp } from './setup.ts'

/** The command that is given a folder; undefined where there is neither kubectl nor kustomize. */
export function findKustomize(env: NodeJS.ProcessEnv): string[] | undefined {
  const kubectl = findBinary('kubectl', env)
  if (kubectl !== undefined) return [kubectl, 'kustomize']
  const kustomize = findBinary('kustomize', env)
  return kustomize === undefined ? undefined : [kustomize, 'build']
}

/** Documents of YAML. */
export function kustomized([command = '', ...args]: string[], folder: string): string {
  const { status, stdout, stderr } = spawnSync(command, [...args, folder], {
    encoding: 'utf8',
    maxBuffer: 1e8,
  })
  if (status !== 0) throw new Error(`kustomize ended with ${status}: ${stderr}`)
  return stdout
}

/** A kustomization of an operator's own, with the secrets and domains of a set-up. Returns its folder. */
export async function ownKustomization(folder: string): Promise<string> {
  const settings = {
    APP_DOMAIN: 'app.mine.test',
    API_DOMAIN: 'api.mine.test',
    MCP_DOMAIN: 'mcp.mine.test',
    ACME_EMAIL: 'a@mine.test',
    SMTP_FROM_EMAIL: 'b@mine.test',
  }
  const dir = join(folder, 'mine')
  await setUp({ dir, envFile: join(folder, 'env'), settings, smtpUrl: 'smtp://x', kubernetes: true })
  return dir
}

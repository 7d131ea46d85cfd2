// What the Kubernetes files come to is what Kubernetes takes: checked against the schemas of its API, unknown fields refused.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from './compose-file.ts'
import { findKustomize, kustomized, ownKustomization } from './kustomize.ts'
import { kubernetesValidate } from './test-programs.ts'

/** The oldest that docs/operations.md names, and the newest whose schemas there are. */
const VERSIONS = ['1.30.0', '1.37.0']
/** Declared by what a cluster has besides Kubernetes: CloudNativePG, the Gateway API. */
const OF_OTHERS = [
  'Cluster postgresql.cnpg.io/v1',
  'Gateway gateway.networking.k8s.io/v1',
  'HTTPRoute gateway.networking.k8s.io/v1',
]

const builder = findKustomize(process.env)
const validator = await kubernetesValidate(process.env)
if (builder === undefined)
  console.warn('SKIPPED: Kubernetes’ schemas. There is neither kubectl nor kustomize here.')
if ('missing' in validator)
  console.warn(`SKIPPED: Kubernetes’ schemas. There is no kubernetes-validate, and ${validator.missing}.`)

const folder = mkdtempSync(join(tmpdir(), 'mcpshield-schemas-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const overlays = readdirSync(join(ROOT, 'infra/kubernetes/overlays')).map(
  (name) => `infra/kubernetes/overlays/${name}`,
)

/** Complaints about documents of YAML, and those that no schema is known for. */
function complaintsOf(documents: string[], version: string): { complaints: string[]; unknown: string[] } {
  if ('missing' in validator) throw new Error(validator.missing)
  const [command = '', ...args] = validator.command
  const file = join(folder, 'built.yaml')
  writeFileSync(file, documents.join('---\n'), { mode: 0o600 })
  const { stdout, stderr } = spawnSync(command, [...args, '--strict', '-k', version, file], {
    encoding: 'utf8',
    env: validator.env,
  })
  const lines = stdout.split('\n').filter((line) => line !== '')
  const passed = lines.filter((line) => line.startsWith('INFO ')).length
  const unknown = lines.flatMap((line) => {
    const [, kind, api] = /^WARN .* kind (\S+) with api version (\S+) for/.exec(line) ?? []
    return kind === undefined ? [] : [`${kind} ${api}`]
  })
  const complaints = lines.filter((line) => line.startsWith('ERROR '))
  // Each document is in one of the three, or it was not looked at.
  expect(passed + unknown.length + complaints.length, stderr).toBe(documents.length)
  return { complaints, unknown: [...new Set(unknown)].sort() }
}

describe.skipIf(builder === undefined || 'missing' in validator)(
  'Kubernetes takes',
  { timeout: 180_000 },
  () => {
    let base: string[] = []
    let all: string[] = []
    beforeAll(async () => {
      const own = await ownKustomization(folder)
      const places = ['infra/kubernetes/base', 'infra/stores', ...overlays].map((path) => join(ROOT, path))
      const built = [...places, own].map((path) => kustomized(builder!, path).split(/^---\n/m))
      base = built[0]!
      // What several of them have in common is looked at once.
      all = [...new Set(built.flat())]
      expect(all.length).toBeGreaterThan(base.length)
    }, 180_000)

    test.for(VERSIONS)(
      'the base, the stores, the overlays and what the set-up makes, in version %s',
      (version) => {
        expect(complaintsOf(all, version)).toEqual({ complaints: [], unknown: OF_OTHERS })
      },
    )

    test.for([
      ['a misspelt field', 'readinessProbe:', 'readinesProbe:'],
      ['a field at the wrong place', 'spec:', 'spec:\n  image: x'],
      ['a value of another type', /containerPort: \d+/, 'containerPort: eight'],
      ['a word where a list belongs', /drop:\n +- ALL/, 'drop: ALL'],
      ['a document without a field that it needs', 'selector:', 'strategy: {}\n  x-selector:'],
    ] as const)('not %s', ([_, right, wrong]) => {
      const gateway = base.find((each) => /^kind: Deployment$/m.test(each) && each.includes('/mcp-gateway:'))!
      const broken = gateway.replace(right, wrong)
      expect(broken).not.toBe(gateway)
      expect(complaintsOf([broken], VERSIONS.at(-1)!).complaints).toHaveLength(1)
    })
  },
)

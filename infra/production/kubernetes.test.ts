// The Kubernetes files are held to the code, to docker-compose.yml and to what a cluster would ask of them. What they come to
// is built by kustomize itself where there is one.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { readCompose, ROOT } from './compose-file.ts'
import { findKustomize, kustomized, ownKustomization } from './kustomize.ts'
import { SECRETS_OF, SECRETS_OF_MEMBERS, SECRETS_OF_STORES } from './secrets-of.ts'
import { configOf, givenTo, SECRET_VARIABLES, settledValues } from './service-variables.ts'

// Keys of NATS are made by a slow library.
vi.setConfig({ testTimeout: 60_000 })

type Env = {
  name: string
  value?: string
  valueFrom?: { configMapKeyRef?: { name: string; key: string; optional?: boolean } }
}
type Container = {
  name: string
  image: string
  args?: string[]
  env?: Env[]
  ports?: { name: string; containerPort: number }[]
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> }
  securityContext?: Record<string, unknown>
  volumeMounts?: { name: string; mountPath: string }[]
  startupProbe?: object
  livenessProbe?: object
  readinessProbe?: { httpGet?: { port: string | number } }
}
type Volume = {
  name: string
  secret?: { secretName: string }
  configMap?: { name: string }
  projected?: { sources: { secret?: { name: string } }[] }
}
type Pod = {
  metadata: { labels: Record<string, string> }
  spec: {
    containers: Container[]
    volumes?: Volume[]
    securityContext?: Record<string, unknown>
    enableServiceLinks?: boolean
    automountServiceAccountToken?: boolean
    terminationGracePeriodSeconds?: number
  }
}
type Thing = {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
  data?: Record<string, string>
  spec: {
    template: Pod
    selector?: { matchLabels?: Record<string, string> } & Record<string, unknown>
    ports?: { port: number; targetPort: string | number }[]
    podSelector?: { matchLabels?: Record<string, string> }
    ingress?: { ports?: { port: number }[] }[]
    scaleTargetRef?: { kind: string; name: string }
    replicas?: number
    rules?: { backendRefs?: { name: string; port: number }[] }[]
  }
}

const folder = mkdtempSync(join(tmpdir(), 'mcpshield-kubernetes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const builder = findKustomize(process.env)
if (builder === undefined)
  console.warn('SKIPPED: what the Kubernetes files come to. There is neither kubectl nor kustomize here.')
const things = builder === undefined ? [] : built(builder, await ownKustomization(folder))
const compose = readCompose()

function built(command: string[], dir: string): Thing[] {
  return parseAllDocuments(kustomized(command, dir)).map((document) => document.toJS() as Thing)
}

const of = (...kinds: string[]) => things.filter(({ kind }) => kinds.includes(kind))
const named = (thing: Thing): [string, Thing] => [`${thing.kind} ${thing.metadata.name}`, thing]
const pods = of('Deployment', 'StatefulSet', 'Job').map(named)
const ownPods = pods.filter(([, { spec }]) =>
  spec.template.spec.containers[0]?.image.startsWith('mcpshield/'),
)
const secretsOf = ({ secret, projected }: Volume) => [
  ...(secret === undefined ? [] : [secret.secretName]),
  ...(projected?.sources ?? []).flatMap((each) => each.secret?.name ?? []),
]
const matches = (labels: Record<string, string>, selector: Record<string, string> = {}) =>
  Object.entries(selector).every(([name, value]) => labels[name] === value)

test('every file is YAML, and every kustomization names files that are there', () => {
  const folders = ['infra/kubernetes', 'infra/stores'].map((each) => join(ROOT, each))
  const files = folders.flatMap((each) =>
    readdirSync(each, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.yaml'))
      .map((entry) => join(entry.parentPath, entry.name)),
  )
  expect(files.length).toBeGreaterThan(20)
  for (const file of files) {
    const documents = parseAllDocuments(readFileSync(file, 'utf8'), { merge: true })
    for (const document of documents) expect(document.errors, file).toEqual([])
    if (!file.endsWith('kustomization.yaml')) continue
    const { resources = [], components = [] } = documents[0]?.toJS() as Record<string, string[]>
    for (const each of [...resources, ...components])
      expect(existsSync(join(file, '..', each)), each).toBe(true)
  }
})

describe.skipIf(builder === undefined)('what they come to', () => {
  test('the example builds by itself, too, and its secrets open nothing', () => {
    const example = built(builder!, join(ROOT, 'infra/kubernetes/overlays/example'))
    expect(example.length).toBe(things.length)
    for (const { kind, data } of example)
      if (kind === 'Secret') expect(Object.keys(data ?? {})).toEqual(['none'])
  })

  test('says an operator’s own domains everywhere', () => {
    expect(JSON.stringify(things)).not.toContain('example.com')
  })

  test('has a deployment of every service, and a job for everything that Compose runs once', () => {
    const services = Object.entries(compose.services).filter(([, { image }]) => image.includes('mcpshield/'))
    const ours = services
      .filter(([name, { build }]) => build !== undefined && name !== 'prepare')
      .map(([name]) => name)
    expect(
      of('Deployment')
        .map(({ metadata }) => metadata.name)
        .sort(),
    ).toEqual(ours.sort())
    const jobs = services
      .filter(([name]) => name === 'prepare' || name.startsWith('migrate-'))
      .map(([name]) => name)
    expect(
      of('Job')
        .map(({ metadata }) => metadata.name)
        .sort(),
    ).toEqual(jobs.sort())
  })

  test('runs the images that Compose runs', () => {
    const images = Object.values(compose.services).map(({ image }) => /:-(.*)\}$/.exec(image)?.[1] ?? '')
    for (const [name, { spec }] of pods)
      for (const { image } of spec.template.spec.containers) expect(images, name).toContain(image)
    const cluster = things.find(
      ({ apiVersion, kind }) => apiVersion.startsWith('postgresql.cnpg.io/') && kind === 'Cluster',
    )
    const version = /postgres:([\d.]+)/.exec(compose.services['postgres']?.image ?? '')?.[1]
    expect(JSON.stringify(cluster)).toContain(`/postgresql:${version}`)
  })

  test.each(pods)('%s is an ordinary user’s, cannot change its files, and is bounded', (_name, { spec }) => {
    const { spec: pod } = spec.template
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 10_001,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(pod.automountServiceAccountToken).toBe(false)
    // DECISION_PORT=tcp://… would be one of the variables.
    expect(pod.enableServiceLinks).toBe(false)
    for (const container of pod.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      expect(Object.keys(container.resources?.limits ?? {}).sort()).toEqual(['cpu', 'memory'])
      expect(Object.keys(container.resources?.requests ?? {}).sort()).toEqual(['cpu', 'memory'])
      expect(container.image).toMatch(/:[\w.-]*\d[\w.-]*$/)
      for (const { name } of container.volumeMounts ?? []) {
        const volumes = [...(pod.volumes ?? []).map((each) => each.name), 'data']
        expect(volumes).toContain(name)
      }
    }
  })

  test.each([...of('Deployment'), ...of('StatefulSet')].map(named))(
    '%s is asked how it is, and finds its own pods',
    (_name, { spec }) => {
      expect(matches(spec.template.metadata.labels, spec.selector?.matchLabels)).toBe(true)
      const [container] = spec.template.spec.containers
      expect(container?.livenessProbe).toBeDefined()
      const ports = (container?.ports ?? []).map(({ name }) => name)
      for (const probe of [
        container?.startupProbe,
        container?.livenessProbe,
        container?.readinessProbe,
      ] as Container['readinessProbe'][])
        if (probe?.httpGet !== undefined) expect(ports).toContain(probe.httpGet.port)
    },
  )

  test('whoever is reached by a name is among the pods, at a port that it has', () => {
    const services = of('Service').filter(({ metadata }) => metadata.name !== 'postgres')
    expect(services.length).toBeGreaterThan(7)
    for (const { metadata, spec } of services) {
      const target = pods.find(([, thing]) =>
        matches(thing.spec.template.metadata.labels, spec.selector as never),
      )
      expect(target, metadata.name).toBeDefined()
      const ports = target![1].spec.template.spec.containers
        .flatMap((each) => each.ports ?? [])
        .map(({ name }) => name)
      for (const { targetPort } of spec.ports ?? []) expect(ports, metadata.name).toContain(targetPort)
    }
  })

  test.each(ownPods)(
    '%s is told nothing that its code does not read, all that it needs, and that can be read',
    async (_name, thing) => {
      const { name } = thing.metadata
      const { containers, volumes = [] } = thing.spec.template.spec
      const [container] = containers
      const service = /mcpshield\/([a-z-]+):/.exec(container?.image ?? '')?.[1] ?? ''
      const { known, required, schema } = await configOf(name, service)
      const env = container?.env ?? []
      const given = givenTo(env.map((each) => each.name))
      expect(given.filter((each) => !known.includes(each))).toEqual([])
      expect(required.filter((each) => !given.includes(each))).toEqual([])
      const secret = things.find(
        (each) =>
          each.kind === 'Secret' &&
          each.metadata.name === volumes.find((each) => each.secret)?.secret?.secretName,
      )
      const files = env.filter((each) => each.name.endsWith('_FILE'))
      for (const each of files) {
        const variable = each.name.slice(0, -'_FILE'.length)
        expect(each.value).toBe(`/run/secrets/${variable}`)
        expect(Object.keys(secret?.data ?? {})).toContain(variable)
      }
      for (const each of env) expect(SECRET_VARIABLES).not.toContain(each.name)
      expect(
        settledValues(
          schema,
          env.flatMap((each) => valueOf(each)),
        ),
      ).toEqual([])
    },
  )

  test.each(
    Object.entries({ ...SECRETS_OF, ...SECRETS_OF_STORES }).filter(
      ([name]) => !['backup', 'postgres'].includes(name),
    ),
  )('%s is given its secrets and no other’s', (name, given) => {
    const secrets = { ...given, ...SECRETS_OF_MEMBERS[name] }
    const secret = of('Secret').find(
      ({ metadata }) => metadata.name.replace(/-[a-z0-9]{10}$/, '') === `mcpshield-${name}`,
    )
    expect(Object.keys(secret?.data ?? {}).sort()).toEqual(Object.keys(secrets).sort())
    const readers = pods.filter(([, { spec }]) =>
      spec.template.spec.volumes?.some((each) => secretsOf(each).includes(secret?.metadata.name ?? '')),
    )
    const allowed = [name, `migrate-${name}`]
    expect(
      readers.map(([, { metadata }]) => metadata.name).filter((each) => !allowed.includes(each)),
    ).toEqual([])
    expect(readers.length).toBeGreaterThan(0)
  })

  test.each(ownPods)('%s is on the networks that it is on in Compose', (_name, { metadata, spec }) => {
    const { networks = [] } = compose.services[metadata.name] ?? {}
    const wanted = Array.isArray(networks) ? networks : Object.keys(networks)
    const on = Object.keys(spec.template.metadata.labels).flatMap(
      (label) => /^net\.mcpshield\.io\/(.*)$/.exec(label)?.[1] ?? [],
    )
    expect(on.sort()).toEqual([...wanted].sort())
  })

  test('nothing is let in or out but by a policy, and every policy is about somebody', () => {
    const policies = of('NetworkPolicy')
    const all = policies.find(({ metadata }) => metadata.name === 'nothing-else')
    expect(all?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
    for (const { metadata, spec } of policies) {
      const selector = spec.podSelector?.matchLabels
      if (selector === undefined || Object.keys(selector).some((label) => label.startsWith('cnpg.io/')))
        continue
      if (selector['mcpshield.io/store'] === 'postgres') continue
      const about = pods.filter(([, thing]) => matches(thing.spec.template.metadata.labels, selector))
      expect(about.length, metadata.name).toBeGreaterThan(0)
      const open = (spec.ingress ?? []).flatMap(({ ports = [] }) => ports.map(({ port }) => port))
      const has = about.flatMap(([, thing]) =>
        thing.spec.template.spec.containers.flatMap((each) =>
          (each.ports ?? []).map(({ containerPort }) => containerPort),
        ),
      )
      for (const port of open) expect(has, `${metadata.name} ${port}`).toContain(port)
    }
  })

  test('an instance at a time is taken away, and gateways grow with their work', () => {
    const deployments = of('Deployment').map(({ metadata }) => metadata.name)
    const budgets = of('PodDisruptionBudget').map(({ metadata }) => metadata.name)
    expect(budgets.sort()).toEqual([...deployments, 'nats', 'clickhouse'].sort())
    const scaled = of('HorizontalPodAutoscaler').map(({ spec }) => spec.scaleTargetRef?.name ?? '')
    expect(scaled.sort()).toEqual(['decision', 'mcp-gateway', 'rest-gateway'])
    for (const { spec } of of('Deployment')) expect(spec.replicas).toBeGreaterThanOrEqual(2)
  })

  test('a gateway has the time to let its calls end', () => {
    const gateway = of('Deployment').find(({ metadata }) => metadata.name === 'mcp-gateway')!.spec.template
      .spec
    const drainMs = Number(gateway.containers[0]?.env?.find(({ name }) => name === 'MCP_DRAIN_MS')?.value)
    expect((gateway.terminationGracePeriodSeconds ?? 30) * 1_000).toBeGreaterThan(drainMs + 10_000)
  })

  test('the way in leads to services that are there', () => {
    const ports = new Map(
      of('Service').map(({ metadata, spec }) => [metadata.name, spec.ports?.map(({ port }) => port) ?? []]),
    )
    const backends = of('HTTPRoute').flatMap(({ spec }) =>
      (spec.rules ?? []).flatMap((rule) => rule.backendRefs ?? []),
    )
    expect(backends.length).toBeGreaterThan(3)
    for (const { name, port } of backends) expect(ports.get(name), name).toContain(port)
  })
})

/** A literal, or the value in the map that is named, which has to be there. */
function valueOf({ name, value, valueFrom }: Env): [string, string][] {
  if (name.endsWith('_FILE')) return []
  const from = valueFrom?.configMapKeyRef
  if (from === undefined) return [[name, value ?? '']]
  const found = of('ConfigMap').find(({ metadata }) => metadata.name === from.name)?.data?.[from.key]
  if (found === undefined && from.optional !== true)
    throw new Error(`${name}: there is no ${from.key} in ${from.name}`)
  return found === undefined ? [] : [[name, found]]
}

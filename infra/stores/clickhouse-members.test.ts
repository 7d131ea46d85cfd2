// Three servers of ClickHouse: their configuration, their pods, who may reach them and what they are given say the same. They
// cannot be started here; what the settings are called is checked by clickhouse-members.it.test.ts.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { SECRETS_OF_MEMBERS, SECRETS_OF_STORES } from '../production/secrets-of.ts'
import { clickhouseMembers, clickhouseUsers } from '../production/store-accounts.ts'
import { at, parseConfigXml, readConfigXml, textAt } from './config-xml.ts'

type Port = { name: string; containerPort: number }
type Container = {
  env: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[]
  ports: Port[]
  volumeMounts: { name: string; mountPath: string }[]
  readinessProbe: object
  startupProbe: { periodSeconds: number; failureThreshold: number }
}
type Source = { secret?: object; configMap?: { name: string; items: { key: string; path: string }[] } }
type Spec = {
  serviceName: string
  replicas: number
  ordinals: { start: number }
  podManagementPolicy: string
  template: {
    metadata: { labels: Record<string, string> }
    spec: {
      containers: [Container]
      volumes: { name: string; projected?: { sources: Source[] } }[]
      topologySpreadConstraints: object[]
    }
  }
}
type Rule = { from?: object[]; to?: object[]; ports: { port: number }[] }
type Document = { kind: string; metadata: { name: string }; spec: unknown }

const read = (file: string) => readFileSync(join(import.meta.dirname, file), 'utf8')
const documents = parseAllDocuments(read('clickhouse.yaml')).map((each) => each.toJS() as Document)
const specOf = <T>(kind: string, name: string) =>
  documents.find((each) => each.kind === kind && each.metadata.name === name)!.spec as T
const servers = specOf<Spec>('StatefulSet', 'clickhouse')
const [container] = servers.template.spec.containers
const members = readConfigXml('clickhouse-members.xml')
const portOf = (name: string) => container.ports.find((each) => each.name === name)!.containerPort
const names = Array.from(
  { length: servers.replicas },
  (_, index) => `clickhouse-${servers.ordinals.start + index}`,
)
const hosts = names.map((name) => `${name}.${servers.serviceName}`)
const variable = (name: string) => container.env.find((each) => each.name === name)

describe('members', () => {
  test('are three, so that two agree without the third', () => {
    expect(names).toEqual(['clickhouse-1', 'clickhouse-2', 'clickhouse-3'])
  })

  test('know each other by the names that their pods have, before they are ready', () => {
    expect(textAt(members, 'zookeeper.node.host')).toEqual(hosts)
    expect(textAt(members, 'keeper_server.raft_configuration.server.hostname')).toEqual(hosts)
    const service = specOf<object>('Service', servers.serviceName)
    expect(service).toMatchObject({
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: servers.template.metadata.labels['app'] ? { app: 'clickhouse' } : {},
    })
  })

  test('are who their pods are', () => {
    expect(at(members, 'macros.replica')[0]?.attributes).toEqual({ from_env: 'POD_NAME' })
    expect(at(members, 'keeper_server.server_id')[0]?.attributes).toEqual({ from_env: 'POD_INDEX' })
    expect(at(members, 'interserver_http_host')[0]?.attributes).toEqual({ from_env: 'MEMBER_HOST' })
    expect(variable('POD_NAME')?.valueFrom?.fieldRef.fieldPath).toBe('metadata.name')
    expect(variable('POD_INDEX')?.valueFrom?.fieldRef.fieldPath).toBe(
      "metadata.labels['apps.kubernetes.io/pod-index']",
    )
    expect(variable('MEMBER_HOST')?.value).toBe(`$(POD_NAME).${servers.serviceName}`)
    // A variable is put into those that follow it only.
    const order = container.env.map(({ name }) => name)
    expect(order.indexOf('POD_NAME')).toBeLessThan(order.indexOf('MEMBER_HOST'))
  })

  test('have the ids in Keeper that their pods’ names end with', () => {
    expect(textAt(members, 'keeper_server.raft_configuration.server.id')).toEqual(
      names.map((name) => name.slice('clickhouse-'.length)),
    )
  })

  test('are started at once, and have as long as Keeper waits for a majority', () => {
    expect(servers.podManagementPolicy).toBe('Parallel')
    const { periodSeconds, failureThreshold } = container.startupProbe
    // Keeper's own `startup_timeout` is 180 seconds.
    expect(periodSeconds * failureThreshold).toBeGreaterThan(200)
  })

  test('are on machines of their own as far as there are some, and taken away one at a time', () => {
    expect(servers.template.spec.topologySpreadConstraints[0]).toMatchObject({
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'DoNotSchedule',
    })
    expect(specOf('PodDisruptionBudget', 'clickhouse')).toEqual({
      maxUnavailable: 1,
      selector: { matchLabels: { app: 'clickhouse' } },
    })
  })

  test('are not asked by anybody while they are behind', () => {
    expect(container.readinessProbe).toMatchObject({ httpGet: { path: '/replicas_status', port: 'http' } })
  })
})

describe('ports', () => {
  const configured = {
    members: textAt(members, 'interserver_http_port'),
    keeper: textAt(members, 'keeper_server.tcp_port'),
    raft: [...new Set(textAt(members, 'keeper_server.raft_configuration.server.port'))],
  }

  test.each(Object.entries(configured))('%s is the same in the configuration and the pod', (name, ports) => {
    expect(ports).toEqual([String(portOf(name))])
  })

  test('of Keeper are those where members look for it', () => {
    expect([...new Set(textAt(members, 'zookeeper.node.port'))]).toEqual([String(portOf('keeper'))])
  })

  test('between members are open for members alone', () => {
    const { ingress, egress } = specOf<{ ingress: Rule[]; egress: Rule[] }>(
      'NetworkPolicy',
      'clickhouse-members',
    )
    const wanted = ['members', 'keeper', 'raft'].map(portOf)
    const self = [{ podSelector: { matchLabels: { app: 'clickhouse' } } }]
    expect(ingress.map(({ from, ports }) => [from, ports.map(({ port }) => port)])).toEqual([[self, wanted]])
    expect(egress.map(({ to, ports }) => [to, ports.map(({ port }) => port)])).toEqual([[self, wanted]])
    // What others may reach is the one that the product speaks.
    const others = parseAllDocuments(read('../kubernetes/base/network-policies.yaml'))
      .map((each) => each.toJS() as Document)
      .find(({ metadata }) => metadata.name === 'clickhouse-in')!
    expect(
      (others.spec as { ingress: Rule[] }).ingress.flatMap(({ ports }) => ports.map(({ port }) => port)),
    ).toEqual([portOf('http')])
  })
})

describe('files', () => {
  const kustomization = parse(read('kustomization.yaml')) as {
    configMapGenerator: { name: string; files: string[] }[]
  }
  const filesOf = (name: string) =>
    kustomization.configMapGenerator.find((each) => each.name === name)!.files.map((each) => each.split('='))

  test('are merged in an order in which members speak to each other', () => {
    expect(at(readConfigXml('clickhouse.xml'), 'interserver_http_port')[0]?.attributes).toEqual({
      remove: '1',
    })
    const order = filesOf('clickhouse')
    expect(order.toSorted(([a], [b]) => (a! < b! ? -1 : 1)).map(([, file]) => file)).toEqual([
      'clickhouse.xml',
      'clickhouse-members.xml',
    ])
  })

  test('of users lie where ClickHouse merges them with the file that it is told of', () => {
    const [users] = textAt(readConfigXml('clickhouse.xml'), 'user_directories.users_xml.path')
    const mount = container.volumeMounts.find(({ name }) => name === 'secrets')!.mountPath
    const volume = servers.template.spec.volumes.find(({ name }) => name === 'secrets')!
    const map = volume.projected!.sources.find(({ configMap }) => configMap)!.configMap!
    expect(map.items.map(({ path }) => join(mount, path))).toEqual([
      users!.replace(/\.xml$/, '.d/members.xml'),
    ])
    expect(filesOf(map.name)).toEqual([['members.xml', 'clickhouse-members-users.xml']])
    const [profile] = textAt(parseConfigXml(clickhouseUsers('p')), 'users.mcpshield.profile')
    expect(at(readConfigXml('clickhouse-members-users.xml'), `profiles.${profile}`).length).toBe(1)
  })

  test('of secrets hold what the configuration includes', () => {
    const mount = container.volumeMounts.find(({ name }) => name === 'secrets')!.mountPath
    const secrets = { ...SECRETS_OF_STORES['clickhouse'], ...SECRETS_OF_MEMBERS['clickhouse'] }
    expect(Object.keys(secrets).map((name) => join(mount, name))).toContain(
      textAt(members, 'include_from')[0],
    )
    const [included] = members.children.filter(({ attributes }) => 'incl' in attributes)
    const secret = parseConfigXml(clickhouseMembers('a-Z_9'))
    expect(at(secret, `${included!.attributes['incl']}.password`).map(({ text }) => text)).toEqual(['a-Z_9'])
    expect(included!.name).toBe(included!.attributes['incl'])
  })

  test.each(['clickhouse.xml', 'clickhouse-members.xml', 'clickhouse-members-users.xml'])(
    '%s is one element of ClickHouse’s',
    (file) => {
      expect(readConfigXml(file).name).toBe('clickhouse')
      expect(() => parseConfigXml(read(file).replace('</clickhouse>', ''))).toThrow('open')
    },
  )
})

// `npm run conformance`: the official MCP suite, both eras: the fixture directly, beside the fixture through the
// gateway, and the gateway's upstream leg as the client under test. `-- direct`, `-- through`, `-- client` run a part.
// `-- through --gateway URL --key KEY --fixture-port N --relay-port M` takes a gateway that runs already: its upstream is
// http://127.0.0.1:N/mcp, and 127.0.0.1:M is one of its hosts and origins. Exits with 1 when anything scored fails.
import { parseArgs } from 'node:util'
import { problemLines, resultTable, totalLine, totals, type Column } from './conformance/report.ts'
import { REVISIONS } from './conformance/requirements.ts'
import { runSuite, type Target } from './conformance/suite.ts'
import { throughGateway, type RunningGateway } from './conformance/through-gateway.ts'
import { startFixture } from './mcp/fixture-server.ts'

const PARTS = ['direct', 'through', 'client']
const CLIENT_UNDER_TEST = 'node tests/mcp/client-under-test.ts'

type Section = { title: string; columns: Column[] }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    gateway: { type: 'string' },
    key: { type: 'string' },
    'fixture-port': { type: 'string', default: '0' },
    'relay-port': { type: 'string', default: '0' },
  },
})
const parts = positionals.length === 0 ? PARTS : positionals
const unknown = parts.filter((part) => !PARTS.includes(part))
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}; there are ${PARTS.join(', ')}.`)
  process.exit(2)
}

const sections = [...(await serverSections()), ...(await clientSections())]
for (const { title, columns } of sections) console.log(`\n${resultTable(title, columns)}`)
const problems = sections.flatMap(({ title, columns }) => problemLines(title, columns))
if (problems.length > 0) console.log(`\n${problems.join('\n')}`)
console.log(`\n${sections.map(({ title, columns }) => totalLine(title, columns)).join('\n')}`)
const complete = sections.every(({ columns }) =>
  columns.every(({ results }) => {
    const { passed, scored } = totals(results)
    return scored > 0 && passed === scored
  }),
)
process.exitCode = complete ? 0 : 1

async function serverSections(): Promise<Section[]> {
  if (!parts.includes('direct') && !parts.includes('through')) return []
  await using fixture = await startFixture({ port: Number(values['fixture-port']) })
  const ways: { name: string; target: Target }[] = []
  await using stack = new AsyncDisposableStack()
  if (parts.includes('direct')) ways.push({ name: 'direct', target: { leg: 'server', url: fixture.url } })
  if (parts.includes('through')) {
    const through = stack.use(await throughGateway(fixture.url, runningGateway()))
    ways.push({ name: 'through', target: { leg: 'server', url: through.url } })
  }
  const found: Section[] = []
  for (const revision of REVISIONS) {
    const columns: Column[] = []
    for (const { name, target } of ways) columns.push({ name, results: await runSuite(revision, target) })
    found.push({ title: `${revision}, server`, columns })
  }
  return found
}

async function clientSections(): Promise<Section[]> {
  if (!parts.includes('client')) return []
  const found: Section[] = []
  for (const revision of REVISIONS) {
    const results = await runSuite(revision, { leg: 'client', command: CLIENT_UNDER_TEST })
    found.push({ title: `${revision}, client`, columns: [{ name: 'upstream leg', results }] })
  }
  return found
}

function runningGateway(): RunningGateway | undefined {
  const { gateway, key } = values
  if (gateway === undefined) return undefined
  if (key === undefined) throw new Error('--gateway needs --key')
  return { url: gateway, apiKey: key, relayPort: Number(values['relay-port']) }
}

// The fixture over stdio: `node tests/mcp/fixture-stdio.ts [--era both|legacy|modern] [--page-size N] [--record FILE]`.
// With --record every line received is written to FILE, before anything is done with it.
import { appendFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { parseArgs } from 'node:util'
import type { McpServer } from '@modelcontextprotocol/server'
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { createFixtureServer, followChanges, serveSubscriptions } from './fixture/serve.ts'
import type { Era } from './fixture/tool.ts'
import { createWorld } from './fixture/world.ts'

const { values } = parseArgs({
  options: {
    era: { type: 'string', default: 'both' },
    'page-size': { type: 'string' },
    record: { type: 'string' },
  },
})
const world = createWorld(values['page-size'] === undefined ? Infinity : Number(values['page-size']))
const transport = new StdioServerTransport(recorded(values.record))

if (values.era === 'legacy') {
  // On its own, as servers were before there was a modern era to choose: it knows no server/discover.
  await lasting('legacy').connect(transport)
} else {
  serveStdio(({ era }) => lasting(era), { transport, legacy: values.era === 'modern' ? 'reject' : 'serve' })
}

function lasting(era: Era): McpServer {
  const server = createFixtureServer(world, era)
  // A modern connection is told only of what its subscriptions/listen names: the SDK sees to it.
  const subscribed = era === 'legacy' ? serveSubscriptions(server) : undefined
  followChanges(world, server, (uri) => subscribed?.has(uri) ?? true)
  return server
}

function recorded(file: string | undefined): NodeJS.ReadableStream & PassThrough {
  const input = new PassThrough()
  process.stdin.on('data', (chunk: Buffer) => {
    if (file !== undefined) appendFileSync(file, chunk)
  })
  return process.stdin.pipe(input)
}

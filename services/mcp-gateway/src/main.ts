import { run } from '@mcpshield/runtime/run'
import { Config } from './config.ts'
import { start } from './start.ts'

/** Beside the calls that may end: connections, upstreams, the bus. */
const STOP_BESIDE_MS = 5_000

await run('mcp-gateway', Config, start, {
  stopWithinMs: (config) => config.MCP_DRAIN_MS + STOP_BESIDE_MS,
})

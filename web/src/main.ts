import { run } from '@mcpshield/runtime/run'
import { Config } from './lib/server/config.ts'
import { start } from './start.ts'

await run('web', Config, start)

import { run } from '@mcpshield/runtime/run'
import { Config } from './config.ts'
import { start } from './start.ts'

await run('ai', Config, (config, log) => start(config, log))

import { run } from '@mcpshield/runtime/run'
import { Config } from './lib/server/config.ts'
import { ADAPTER_VARIABLES, start } from './start.ts'

Object.assign(process.env, ADAPTER_VARIABLES)
await run('web', Config, start)

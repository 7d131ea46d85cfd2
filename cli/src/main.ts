import { environment } from './config.ts'
import { run } from './program.ts'
import { watch } from './world.ts'

watch(process.stdout)
watch(process.stderr)

// Ends by having nothing left to do. `process.exit` can wait for ever for a thread of the engine that is compiling, and
// the parsers give it much to compile.
process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: environment(process.env),
})
process.stdin.destroy()

import { environment } from './config.ts'
import { run } from './program.ts'

// Whoever reads our output may stop before its end (`| head`): that is no fault of anyone.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`mcpshield: the output cannot be written: ${error.message}\n`)
  process.exit(2)
})
process.stderr.on('error', () => undefined)

const code = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: environment(process.env),
})
// An input that is still open must not keep the process; what was written must have left it.
process.stdout.write('', () => process.exit(code))

// A process around the worker thread that runs statements. SQLite cannot be interrupted from JavaScript, and
// ending its thread waits for it: a statement that is late, or that fills the memory, is ended by killing this
// process. It kills itself when the gateway is gone.
import { Worker } from 'node:worker_threads'
import type { SqliteDone, SqliteJob } from './sqlite-job.ts'

const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url))
const kill = () => process.kill(process.pid, 'SIGKILL')

/** Far above what a result needs. Node's SQLite does not count its memory, so it cannot be told a limit. */
const MAX_MEMORY_BYTES = 512 * 1024 * 1024
const LOOK_EVERY_MS = 25

setInterval(() => {
  if (process.memoryUsage.rss() > MAX_MEMORY_BYTES) kill()
}, LOOK_EVERY_MS).unref()

process.on('message', (job: SqliteJob) => worker.postMessage(job))
process.on('disconnect', kill)
worker.on('message', (done: SqliteDone) => process.send?.(done))
worker.on('error', kill)
worker.on('exit', kill)

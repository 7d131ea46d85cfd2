// A process of its own that outlives its owner by a moment: when the owner is gone, even by kill -9,
// the pipe on standard input closes, and what the owner had started is stopped.
import { stopLeftovers } from './pid-records.ts'

const [dataDir, owner] = process.argv.slice(2)
if (!dataDir || !owner) throw new Error('usage: reaper.ts DATA_DIR OWNER')
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.stdin.on('error', () => {})
process.stdin.resume().once('close', () => void stopLeftovers(dataDir, owner).finally(() => process.exit()))

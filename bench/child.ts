// A server of the benchmarks as a process of its own, so that its CPU time is its own.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export type Child = { child: ChildProcess; pid: number; port: number }

/** Starts a file of this folder; it tells its port once it listens. */
export async function startChild(file: string, args: string[] = []): Promise<Child> {
  const child = fork(join(import.meta.dirname, file), args)
  const [message] = (await once(child, 'message')) as [{ port: number }]
  return { child, pid: child.pid ?? 0, port: message.port }
}

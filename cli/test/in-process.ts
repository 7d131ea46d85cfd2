// Runs a command line in this process: what a real one does, without the time it takes to start.
import { Readable, Writable } from 'node:stream'
import { environment, type Machine } from '../src/config.ts'
import { run } from '../src/program.ts'
import type { World } from '../src/world.ts'

export type Ran = { code: number; stdout: string; stderr: string; lines: unknown[] }

export type Around = { env?: Record<string, string>; machine?: Machine; input?: string; terminal?: boolean }

export async function ran(args: string[], around: Around = {}): Promise<Ran> {
  const { world, stdout, stderr } = worldOf(around)
  const code = await run(args, world)
  return {
    code,
    stdout: stdout.text(),
    stderr: stderr.text(),
    get lines() {
      return stdout
        .text()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown)
    },
  }
}

export function worldOf({ env = {}, machine, input = '', terminal = false }: Around) {
  const [stdout, stderr] = [sink(), sink()]
  const around = environment(env)
  const world: World = {
    stdin: Readable.from([Buffer.from(input)]),
    stdout: Object.assign(stdout.stream, { isTTY: terminal }),
    stderr: stderr.stream,
    environment: machine === undefined ? around : { ...around, machine },
  }
  return { world, stdout, stderr }
}

function sink() {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
  return { stream, text: () => Buffer.concat(chunks).toString() }
}

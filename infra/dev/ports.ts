import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { SetupError } from './setup-error.ts'

/** Whether a server could listen on this port now. */
export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** A port for a store: the one it had last time, else the usual one, else any free one. URLs stay the same from start to start where they can. */
export async function storePort(dataDir: string, name: string, usual: number): Promise<number> {
  const remembered = readPorts(dataDir)[name]
  for (const port of remembered ? [remembered, usual] : [usual]) {
    if (await isFree(port)) return port
  }
  return anyFreePort()
}

/** Keeps a store's port for the next start. */
export function rememberPort(dataDir: string, name: string, port: number): void {
  writeFileSync(portsFile(dataDir), JSON.stringify({ ...readPorts(dataDir), [name]: port }, null, 2) + '\n')
}

export interface ProductPort {
  name: string
  port: number
  /** The environment variable that moves it. */
  variable: string
  host?: string
}

/** A product's port does not move by itself: people and agents have its address in their settings. */
export async function requireFree({ name, port, variable, host }: ProductPort): Promise<void> {
  if (await isFree(port, host)) return
  throw new SetupError(
    `Port ${port}, for ${name}, is taken by another program. ` +
      `Stop that program, or choose another port: ${variable}=${port + 10000 > 65535 ? port - 1000 : port + 10000} npm start`,
  )
}

function anyFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

function readPorts(dataDir: string): Record<string, number> {
  try {
    return JSON.parse(readFileSync(portsFile(dataDir), 'utf8')) as Record<string, number>
  } catch {
    return {} // missing or cut off by a crash: ports are a convenience, chosen again
  }
}

const portsFile = (dataDir: string) => join(dataDir, 'ports.json')

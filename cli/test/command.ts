// Runs the real command, as a shell would.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'

// Each test starts processes, which takes its time on a loaded machine.
vi.setConfig({ testTimeout: 20_000 })

export const bin = join(import.meta.dirname, '../bin/mcpshield.js')

export type Outcome = { code: number | null; stdout: string; stderr: string; lines: unknown[] }

export type RunOptions = {
  input?: string | Buffer
  env?: Record<string, string>
  cwd?: string
  /** The Node to start it with; this test's own when absent. */
  node?: string
  nodeOptions?: string[]
}

/** Runs `mcpshield ARGS…` to its end. `lines` are the JSON lines of its output. */
export async function mcpshield(args: string[], options: RunOptions = {}): Promise<Outcome> {
  const { input = '', env = {}, cwd, node = process.execPath, nodeOptions = [] } = options
  const child = spawn(node, [...nodeOptions, bin, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  })
  const collected = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (collected.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (collected.stderr += text))
  // A command that refuses its options does not read.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    code,
    ...collected,
    get lines() {
      return collected.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown)
    },
  }
}

/** Lines of input; strings are taken as they are. */
export function jsonl(...lines: unknown[]): string {
  return lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')
}

/** A folder with these files, gone with the test. */
export function folder(files: Record<string, string> = {}): Disposable & { path(name: string): string } {
  const root = mkdtempSync(join(tmpdir(), 'mcpshield-cli-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text)
  return {
    path: (name) => join(root, name),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

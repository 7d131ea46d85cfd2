// Real stores, once per test run: those the environment names, else the local ones that `npm start` uses too.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBacking } from '@mcpshield/infra/dev/backing.ts'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { openNatsConfig } from '@mcpshield/infra/dev/nats.ts'
import type { TestProject } from 'vitest/node'

export interface StoreUrls {
  databaseUrl: string
  natsUrl: string
  redisUrl: string
  clickhouseUrl: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    stores: StoreUrls
  }
}

/** For vitest's `globalSetup`: tests read the URLs with `inject('stores')`; what is returned ends the run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-test-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const dataDir = stack.use(openDataDir(folder))
  const programsDir = join(import.meta.dirname, '../../../node_modules/.cache/mcpshield') // fetched once, not once per run
  const progress = (line: string) => console.log(line)
  const backing = stack.use(
    await startBacking({ dataDir, programsDir, env: process.env, progress, natsConfig: openNatsConfig }),
  )
  const { databaseUrl, natsUrl, redisUrl, clickhouseUrl } = backing
  project.provide('stores', { databaseUrl, natsUrl, redisUrl, clickhouseUrl })
  const running = stack.move()
  return () => running.disposeAsync()
}

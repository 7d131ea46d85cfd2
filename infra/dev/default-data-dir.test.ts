import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defaultDataDir } from './default-data-dir.ts'

let folder: string
let project: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcpshield-where-'))
  project = join(folder, 'project')
  mkdirSync(project)
})
afterEach(() => rmSync(folder, { recursive: true }))

test('the data lies in the project, where others may enter or nobody runs as root', () => {
  chmodSync(folder, 0o755)
  chmodSync(project, 0o755)
  expect(defaultDataDir(project, 0)).toBe(join(project, '.mcpshield'))
  chmodSync(folder, 0o700)
  expect(defaultDataDir(project, 1000)).toBe(join(project, '.mcpshield'))
})

test('for root below a folder that only root may enter, it lies in one folder that PostgreSQL’s user can reach', () => {
  chmodSync(project, 0o755)
  chmodSync(folder, 0o700)
  expect(defaultDataDir(project, 0)).toMatch(/^\/var\/lib\/mcpshield\/[0-9a-f]{12}$/)
  expect(defaultDataDir(project, 0)).toBe(defaultDataDir(project, 0))
  expect(defaultDataDir(folder, 0)).not.toBe(defaultDataDir(project, 0))
})

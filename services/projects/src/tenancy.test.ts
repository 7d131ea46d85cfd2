import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('rows are reached through store.ts only, which names the organisation', () => {
  const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => ({ path, text: readFileSync(join(import.meta.dirname, path), 'utf8') }))
  const using = (pattern: RegExp) => sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path)
  expect(sources.length).toBeGreaterThan(20)
  expect(using(/\.fork\(|\borm\.em\b/)).toEqual([])
  expect(using(/\btenancy\(|\binOrganization|acrossOrganizations/)).toEqual(['store.ts'])
  // What a person or a key asks for goes across organisations only where it concerns that person in all of
  // them, or where a secret says which one it is.
  expect(using(/\.everywhere\b/).sort()).toEqual([
    'invitations.ts',
    'keys.ts',
    'oauth.ts',
    'organizations.ts',
    'people.ts',
    'snapshots.ts',
    'start.ts',
    'store.ts', // A project’s organisation, for what another service asks.
  ])
})

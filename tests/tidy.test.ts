import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { problemsOf, readRepository, type Package, type Source } from './architecture.ts'

const root = join(import.meta.dirname, '..')

describe('the repository', () => {
  test('keeps its architecture', () => {
    const { sources, packages } = readRepository(root)
    expect(sources.length).toBeGreaterThan(100)
    expect(problemsOf(sources, packages)).toEqual([])
  })

  test('names every variable of every service in .env.example', () => {
    const example = readFileSync(join(root, '.env.example'), 'utf8')
    const missing = configVariables().filter((name) => !new RegExp(`^#? ?${name}=`, 'm').test(example))
    expect(missing).toEqual([])
  })

  test('has no unfinished marks', () => {
    const marked = readRepository(root).sources.filter(
      ({ path, text }) => !path.startsWith('tests/') && /\b(TODO|FIXME|XXX)\b/.test(text),
    )
    expect(marked.map(({ path }) => path)).toEqual([])
  })
})

describe('the rules themselves', () => {
  const packages: Package[] = [
    { folder: 'libs/policy', name: '@mcpshield/policy', dependencies: ['zod', '@mcpshield/contracts'] },
    {
      folder: 'libs/bus',
      name: '@mcpshield/bus',
      dependencies: ['@mcpshield/contracts', '@mcpshield/runtime'],
    },
    { folder: 'libs/runtime', name: '@mcpshield/runtime', dependencies: [] },
    { folder: 'libs/contracts', name: '@mcpshield/contracts', dependencies: ['@mcpshield/policy'] },
    { folder: 'services/auth', name: '@mcpshield/auth-service', dependencies: ['@mcpshield/bus'] },
    { folder: 'services/ai', name: '@mcpshield/ai-service', dependencies: ['@mcpshield/auth-service'] },
  ]
  const breaks = (path: string, text: string) => problemsOf([{ path, text } satisfies Source], packages)

  test.for([
    ['libs/policy/src/a.ts', "import { x } from '@mcpshield/contracts/x'", 'policy may not import contracts'],
    ['libs/bus/src/a.ts', "import type { Log } from '@mcpshield/runtime/log'", 'bus may not import runtime'],
    ['services/ai/src/a.ts', "import { x } from '@mcpshield/auth-service/x'", 'services are not imported'],
    ['services/auth/src/a.ts', "import pg from 'pg'", 'pg is not declared'],
    ['services/auth/src/a.ts', "const pg = await import('pg')", 'pg is not declared'],
    ['services/auth/src/a.ts', "import { x } from '../../ai/src/x.ts'", 'leaves its package'],
    ['services/auth/src/a.ts', "import { readFileSync } from 'fs'", 'write node:fs'],
    ['services/auth/src/a.ts', 'const port = process.env.PORT', 'process.env'],
    ['services/auth/src/utils.ts', '', 'a name that says nothing'],
    ['libs/policy/src/index.ts', '', 'no barrels'],
  ] as const)('%s with `%s` is a breach', ([path, text, problem]) => {
    expect(breaks(path, text)).toEqual([expect.stringContaining(problem)])
  })

  test('what is allowed is no breach', () => {
    const text = "import { z } from 'zod'\nimport { join } from 'node:path'\nimport { x } from './x.ts'\n"
    expect(breaks('libs/policy/src/a.ts', text)).toEqual([])
    expect(breaks('services/auth/src/config.ts', 'process.env.PORT')).toEqual([])
  })
})

function configVariables(): string[] {
  const services = readdirSync(join(root, 'services'))
  return services.flatMap((service) => {
    const text = readFileSync(join(root, 'services', service, 'src/config.ts'), 'utf8')
    return [...text.matchAll(/^ {2}([A-Z][A-Z0-9_]+)(?::|,)/gm)].map((match) => match[1] ?? '')
  })
}

// The architecture's rules over source files, as a pure function: files in, problems out.
import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, posix, relative } from 'node:path'

export type Source = { path: string; text: string }
export type Package = { folder: string; name: string; dependencies: string[] }

/** Which of our packages each layer may import. Services share contracts, never code. */
const MAY_IMPORT: Record<string, readonly string[] | 'all'> = {
  policy: [],
  facts: ['policy'],
  redact: [],
  contracts: ['policy'],
  bus: ['contracts'],
  db: ['contracts', 'redact'],
  runtime: [],
  mcp: ['policy', 'facts', 'redact'],
  oauth: [],
  upstream: ['policy', 'facts', 'mcp', 'contracts', 'runtime'],
  pdp: ['policy', 'facts', 'redact', 'contracts', 'bus'],
  testkit: 'all',
  service: [
    'policy',
    'facts',
    'redact',
    'mcp',
    'oauth',
    'upstream',
    'pdp',
    'contracts',
    'bus',
    'db',
    'runtime',
  ],
  cli: ['policy', 'facts', 'redact', 'mcp', 'contracts'],
  web: ['policy', 'contracts', 'runtime'],
  infra: ['bus', 'contracts', 'db', 'runtime'],
  bench: 'all',
  tests: 'all',
}

const BANNED_NAMES = /^(utils?|helpers?|common|shared|misc)(\.|$)/
const ENVIRONMENT_READERS = [
  /\/config\.ts$/,
  /\/main\.ts$/,
  /\/migrate\.ts$/,
  /^libs\/runtime\/src\/run\.ts$/,
  /^infra\//,
  /^libs\/testkit\//,
  /^bench\//,
  /^tests\//,
]

/** Every breach of the import and naming rules, as `file: what is wrong`. */
export function problemsOf(sources: Source[], packages: Package[]): string[] {
  return sources.flatMap((source) => [
    ...nameProblems(source),
    ...environmentProblems(source),
    ...importsOf(source.text).flatMap((specifier) => importProblems(source, specifier, packages)),
  ])
}

function nameProblems({ path }: Source): string[] {
  const name = posix.basename(path)
  const problems = []
  if (path.split('/').some((part) => BANNED_NAMES.test(part)))
    problems.push(`${path}: a name that says nothing; give it a noun`)
  if (name === 'index.ts' && !path.includes('/migrations/'))
    problems.push(`${path}: no barrels; import the file that has it`)
  return problems
}

function environmentProblems({ path, text }: Source): string[] {
  const reads = /\bprocess\.env\b/.test(text) && !ENVIRONMENT_READERS.some((reader) => reader.test(path))
  return reads && !isTest(path) ? [`${path}: process.env is read by config.ts and main.ts only`] : []
}

export function importsOf(text: string): string[] {
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|(?:^|\n)import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  )
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

function importProblems({ path }: Source, specifier: string, packages: Package[]): string[] {
  const own = packages.find((each) => path.startsWith(`${each.folder}/`))
  if (own === undefined) return []
  if (specifier.startsWith('.')) {
    const target = posix.normalize(posix.join(posix.dirname(path), specifier))
    return target.startsWith(`${own.folder}/`)
      ? []
      : [`${path}: ${specifier} leaves its package; import the package by name`]
  }
  // SvelteKit's own modules, and the package's own files by its `imports`.
  if (own.folder === 'web' && /^([$]|#lib[/])/.test(specifier)) return []
  if (isBuiltin(specifier)) return specifier.startsWith('node:') ? [] : [`${path}: write node:${specifier}`]
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  const problems = layerProblems(path, own, name, packages)
  // Tests use what the root declares for all of them.
  if (!own.dependencies.includes(name) && !isTest(path) && name !== 'vitest') {
    problems.push(`${path}: ${name} is not declared in ${own.folder}/package.json`)
  }
  return problems
}

function layerProblems(path: string, own: Package, name: string, packages: Package[]): string[] {
  const target = packages.find((each) => each.name === name)
  if (target === undefined || target === own) return []
  if (target.folder.startsWith('services/')) return [`${path}: services are not imported; share a contract`]
  const allowed = MAY_IMPORT[layerOf(own)]
  const wanted = posix.basename(target.folder)
  if (allowed === 'all' || allowed?.includes(wanted) || (isTest(path) && wanted === 'testkit')) return []
  if (isTest(path) && allowed !== undefined && layerOf(own) !== 'policy') return []
  return [`${path}: ${layerOf(own)} may not import ${wanted}`]
}

function layerOf({ folder }: Package): string {
  return folder.startsWith('services/') ? 'service' : posix.basename(folder)
}

function isTest(path: string): boolean {
  return /\.test\.ts$|\/test\//.test(path)
}

/** The sources and packages of the repository at `root`. */
export function readRepository(root: string): { sources: Source[]; packages: Package[] } {
  const folders = ['libs', 'services'].flatMap((group) =>
    readdirSync(join(root, group), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${group}/${entry.name}`),
  )
  const packages = [...folders, 'cli', 'web', 'infra', 'bench', 'tests'].map((folder) =>
    readPackage(root, folder),
  )
  const sources = packages.flatMap(({ folder }) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(
        (entry) =>
          entry.isFile() &&
          /\.(ts|svelte)$/.test(entry.name) &&
          !/node_modules|\/web\/(build|\.svelte-kit)/.test(entry.parentPath),
      )
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') })),
  )
  return { sources, packages }
}

function readPackage(root: string, folder: string): Package {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
    name: string
    dependencies?: object
    devDependencies?: object
    optionalDependencies?: object
  }
  const { name, dependencies = {}, devDependencies = {}, optionalDependencies = {} } = manifest
  return {
    folder,
    name,
    dependencies: [
      ...Object.keys(dependencies),
      ...Object.keys(devDependencies),
      ...Object.keys(optionalDependencies),
    ],
  }
}

// The texts of the documentation, as they lie in the repository. They are part of the build: a running server reads none.

const TEXTS = {
  ...import.meta.glob<string>('../../../../../docs/**/*.md', {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
  ...import.meta.glob<string>('../../../../../docs/policy/cookbook/*.yaml', {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
  ...import.meta.glob<string>(
    ['../../../../../services/mcp-gateway/README.md', '../../../../../libs/contracts/golden/openapi.json'],
    { query: '?raw', import: 'default', eager: true },
  ),
}
const ROOT = '../../../../../'

const byPath = new Map(Object.entries(TEXTS).map(([path, text]) => [path.slice(ROOT.length), text]))

/** The text of a file by its path in the repository. Throws where there is none: a page of nothing must not be built. */
export function sourceText(path: string): string {
  const text = byPath.get(path)
  if (text === undefined) throw new Error(`There is no ${path} in the build.`)
  return text
}

/** The files of a folder, sorted. */
export function sourcesIn(folder: string): string[] {
  return [...byPath.keys()].filter((path) => path.startsWith(`${folder}/`)).sort()
}

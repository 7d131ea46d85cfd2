// Which upstream a resource is of, where many stand behind one endpoint. A URI keeps its name; one that two upstreams
// have keeps it for the first (by slug), and the others' are told as `mcpshield://<slug>/<the URI, encoded>`.
import { parseUriTemplate } from './uri-template.ts'

export type ResourceNames = {
  /** Takes in what an upstream's list told; the names to show, in the same order. */
  learn(slug: string, uris: readonly string[]): string[]
  learnTemplates(slug: string, templates: readonly string[]): void
  /** The upstream of a name and the URI it has there; undefined where no list named it. */
  resolve(name: string): { slug: string; uri: string } | undefined
}

const SCHEME = 'mcpshield://'
const MAX_URIS = 100_000

export function resourceNames(): ResourceNames {
  const owners = new Map<string, string>()
  const templates = new Map<string, { slug: string; matches: (uri: string) => boolean }>()
  return {
    learn(slug, uris) {
      return uris.map((uri) => {
        const owner = owners.get(uri)
        if ((owner === undefined && owners.size < MAX_URIS) || (owner !== undefined && slug < owner))
          owners.set(uri, slug)
        return (owners.get(uri) ?? slug) === slug ? uri : `${SCHEME}${slug}/${encodeURIComponent(uri)}`
      })
    },
    learnTemplates(slug, uriTemplates) {
      for (const template of uriTemplates) {
        const known = templates.get(template)
        const matches = parseUriTemplate(template)
        if (matches !== undefined && templates.size < MAX_URIS && (known === undefined || slug < known.slug))
          templates.set(template, { slug, matches })
      }
    },
    resolve(name) {
      const explicit = explicitName(name)
      if (explicit !== undefined) return explicit
      const owner = owners.get(name)
      if (owner !== undefined) return { slug: owner, uri: name }
      const [first] = [...templates.values()]
        .filter(({ matches }) => matches(name))
        .sort((left, right) => (left.slug < right.slug ? -1 : 1))
      return first === undefined ? undefined : { slug: first.slug, uri: name }
    },
  }
}

function explicitName(name: string): { slug: string; uri: string } | undefined {
  if (!name.startsWith(SCHEME)) return undefined
  const [, slug, encoded] = /^mcpshield:\/\/([a-z0-9-]{1,24})\/(.+)$/s.exec(name) ?? []
  if (slug === undefined || encoded === undefined) return undefined
  try {
    return { slug, uri: decodeURIComponent(encoded) }
  } catch {
    return undefined
  }
}

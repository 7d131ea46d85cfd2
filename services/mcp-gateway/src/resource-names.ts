// Which upstream a resource is of, where many stand behind one endpoint. A URI keeps its name while one upstream alone has
// it; what two have is told as `mcpshield://<slug>/<the URI, encoded>` of each: none can take another's name.
import { parseUriTemplate, type UriTemplate } from './uri-template.ts'

export type ResourceNames = {
  /** Takes in an upstream's whole list, in the place of the one before. */
  learn(slug: string, uris: readonly string[]): void
  /** The name to show, once every list is taken in. */
  nameOf(slug: string, uri: string): string
  learnTemplates(slug: string, templates: readonly string[]): void
  /** The upstream of a name and the URI it has there; undefined where no list tells, or more than one does. */
  resolve(name: string): { slug: string; uri: string } | undefined
}

const SCHEME = 'mcpshield://'

export function resourceNames(): ResourceNames {
  const uris = new Map<string, ReadonlySet<string>>()
  const templates = new Map<string, readonly UriTemplate[]>()
  const ownersOf = (uri: string) => [...uris].filter(([, known]) => known.has(uri)).map(([slug]) => slug)

  /** The upstream whose template says the most of the URI; nobody where two say as much. */
  const templateOwner = (uri: string) => {
    const matching = [...templates].flatMap(([slug, all]) =>
      all.filter(({ matches }) => matches(uri)).map(({ literalUnits }) => ({ slug, literalUnits })),
    )
    const most = Math.max(...matching.map(({ literalUnits }) => literalUnits))
    const slugs = new Set(
      matching.filter(({ literalUnits }) => literalUnits === most).map(({ slug }) => slug),
    )
    return slugs.size === 1 ? [...slugs][0] : undefined
  }
  return {
    learn: (slug, listed) => void uris.set(slug, new Set(listed)),
    nameOf: (slug, uri) => (ownersOf(uri).length > 1 ? `${SCHEME}${slug}/${encodeURIComponent(uri)}` : uri),
    learnTemplates(slug, listed) {
      templates.set(
        slug,
        listed.map(parseUriTemplate).filter((template) => template !== undefined),
      )
    },
    resolve(name) {
      const explicit = explicitName(name)
      if (explicit !== undefined) return explicit
      const [owner, ...others] = ownersOf(name)
      if (others.length > 0) return undefined
      const slug = owner ?? templateOwner(name)
      return slug === undefined ? undefined : { slug, uri: name }
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

// The paths that are answered, exactly as they are written: nothing is decoded, folded or completed.

export type Route =
  | {
      kind: 'mcp'
      /** The project of `/p/{project}/…`; null where the API key alone says it. */
      project: string | null
      /** The upstream of `…/mcp/{upstream}`. */
      only: string | null
    }
  /** The document (RFC 9728) that says whose tokens a project takes. */
  | { kind: 'resource'; project: string; only: string | null }
  | { kind: 'health' }

const COMMON: Route = { kind: 'mcp', project: null, only: null }
const HEALTH: Route = { kind: 'health' }
const PATH =
  /^(\/\.well-known\/oauth-protected-resource)?(?:\/p\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))?\/mcp(?:\/([a-z0-9-]{1,24}))?$/

/** `url` is a request's target: its query is nobody's. */
export function routeOf(url: string): Route | undefined {
  if (url === '/mcp') return COMMON
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  if (path === '/health') return HEALTH
  const [match, document, project = null, only = null] = PATH.exec(path) ?? []
  if (match === undefined) return undefined
  if (document === undefined) return { kind: 'mcp', project, only }
  return project === null ? undefined : { kind: 'resource', project, only }
}

export const RESOURCE_DOCUMENT = '/.well-known/oauth-protected-resource'

// Spans of HTTP requests, for a server whose framework calls hooks: at the beginning, around the work, at the end.
import { openSpan, type OpenSpan } from './tracing.ts'

type HttpRequest = {
  method: string
  headers: Record<string, string | string[] | undefined>
  id: string
  /** The route as it was declared; never the path that was asked for, which may have ids and secrets. */
  routeOptions: { url?: string | undefined }
}

export type HttpSpans = {
  begin(request: HttpRequest): void
  /** Runs what follows as part of the request's span. */
  run(request: HttpRequest, next: () => void): void
  end(request: HttpRequest, status: number): void
}

export function httpSpans(): HttpSpans {
  const open = new WeakMap<HttpRequest, OpenSpan>()
  return {
    begin(request) {
      const { method, headers, id, routeOptions } = request
      const route = routeOptions.url ?? 'none'
      const attributes = { 'http.request.method': method, 'http.route': route, 'mcpshield.request_id': id }
      const parent = headers['traceparent']
      const span = openSpan({
        name: route === 'none' ? 'HTTP' : `${method} ${route}`,
        kind: 'server',
        attributes: route === 'none' ? { 'mcpshield.request_id': id } : attributes,
        parent: typeof parent === 'string' ? parent : undefined,
      })
      if (span !== undefined) open.set(request, span)
    },
    run(request, next) {
      const span = open.get(request)
      if (span === undefined) next()
      else span.run(next)
    },
    end(request, status) {
      const span = open.get(request)
      span?.set({ 'http.response.status_code': status })
      if (status >= 500) span?.failed(String(status))
      span?.end()
    },
  }
}

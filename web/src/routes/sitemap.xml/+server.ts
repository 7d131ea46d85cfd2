// The public pages, for search engines.
import { ENTRIES } from '#lib/public/docs/contents.server.ts'
import type { RequestHandler } from './$types'

const PATHS = ['/', '/pricing', '/docs', ...ENTRIES.map(({ path }) => `/docs/${path}`)]

export const GET: RequestHandler = ({ url }) => {
  const entries = PATHS.map((path) => `  <url><loc>${url.origin}${path === '/' ? '' : path}</loc></url>`)
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${entries.join('\n')}\n</urlset>\n`
  return new Response(xml, {
    headers: { 'content-type': 'application/xml', 'cache-control': 'max-age=3600' },
  })
}

// What search engines may read: the public pages. The address of the site is known only here.
import type { RequestHandler } from './$types'

export const GET: RequestHandler = ({ url }) =>
  new Response(
    `User-agent: *\nDisallow: /app/\nDisallow: /auth/\nDisallow: /docs/search\n\nSitemap: ${url.origin}/sitemap.xml\n`,
    { headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'max-age=3600' } },
  )

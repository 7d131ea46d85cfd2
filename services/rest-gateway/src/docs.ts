// `/docs`: the API's documentation as a page that asks nobody but this server, and has no inline script.
import scalar from '@scalar/fastify-api-reference'
import type { FastifyInstance } from 'fastify'

const ASSETS = '/docs/assets'
const SCRIPT = `${ASSETS}/js/scalar.js`

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // The viewer writes its own style elements.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const configuration = {
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: 'never',
}

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>MCPShield API</title>
  </head>
  <body>
    <script id="api-reference" data-url="/openapi.json" data-configuration="${JSON.stringify(configuration).replaceAll('"', '&quot;')}"></script>
    <script src="${SCRIPT}"></script>
  </body>
</html>
`

export async function addDocs(app: FastifyInstance, document: object): Promise<void> {
  app.get('/openapi.json', async () => document)
  app.get('/docs', async (_request, reply) =>
    reply.header('content-security-policy', POLICY).type('text/html; charset=utf-8').send(PAGE),
  )
  // Of the plugin only its script is used; its own page has an inline script, which our headers forbid.
  await app.register(scalar, { routePrefix: ASSETS, configuration: { url: '/openapi.json' } })
}

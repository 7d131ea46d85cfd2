// A plain page for the few answers that a person sees in a browser: one sentence, without script, style or link.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError, ERRORS } from '@mcpshield/contracts/errors'

/** Programs that take anything are given JSON. */
export function wantsPage({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  return /(^|,)\s*text\/html\s*(;|,|$)/i.test(headers.accept ?? '')
}

/** Shows one field of the answer, or why there is none. A bug stays a problem document: there is nothing to read in it. */
export async function sendPage(
  reply: FastifyReply,
  answer: Promise<Record<string, unknown>>,
  field: string,
): Promise<FastifyReply> {
  const { status, text } = await answer.then(
    (output) => ({ status: 200, text: String(output[field]) }),
    (error: unknown) => {
      if (!(error instanceof AppError) || error.code === 'INTERNAL') throw error
      return { status: ERRORS[error.code].status, text: error.message }
    },
  )
  return reply.status(status).type('text/html; charset=utf-8').send(pageOf(text))
}

function pageOf(text: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>MCPShield</title>
  </head>
  <body>
    <h1>MCPShield</h1>
    <p>${escaped(text)}</p>
  </body>
</html>
`
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

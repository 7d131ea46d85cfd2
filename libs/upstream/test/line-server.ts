// An MCP server that ends a line wherever Unicode does, and tells how many such ends it got inside of messages.
type Message = { id?: number; method?: string; params?: { arguments?: { text?: string } } }

let rest = ''
let separators = 0
process.stdin.setEncoding('utf8').on('data', (chunk: string) => {
  separators += chunk.match(/[\u0085\u2028\u2029]/g)?.length ?? 0
  const lines = (rest + chunk).split(/[\n\u0085\u2028\u2029]/)
  rest = lines.pop() ?? ''
  for (const line of lines) answer(line)
})

function answer(line: string): void {
  const { id, method, params } = JSON.parse(line) as Message
  if (id === undefined) return
  const content = [{ type: 'text', text: params?.arguments?.text ?? '' }]
  const result = method === 'initialize' ? { protocolVersion: '2025-11-25' } : { content, separators }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)
}

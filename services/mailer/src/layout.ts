// The one look of all mails: the same blocks as text and as HTML, so that the two cannot say different things. Nothing
// is loaded from anywhere.

export type Block =
  | { kind: 'text'; text: string }
  /** To be typed or copied somewhere. */
  | { kind: 'code'; code: string }
  | { kind: 'button'; label: string; url: string }
  | { kind: 'facts'; rows: readonly (readonly [string, string])[] }

export type Letter = {
  subject: string
  greeting: string
  blocks: Block[]
  /** Why the reader gets it, below a line. */
  footer: string[]
}

export function textOf({ greeting, blocks, footer }: Letter): string {
  const parts = [greeting, ...blocks.map(textBlock), '-- \n' + footer.join('\n')]
  return `${parts.join('\n\n')}\n`
}

function textBlock(block: Block): string {
  switch (block.kind) {
    case 'text':
      return block.text
    case 'code':
      return `    ${block.code}`
    case 'button':
      return `${block.label}:\n${block.url}`
    case 'facts':
      return block.rows.map(([name, value]) => `  ${name}: ${value}`).join('\n')
    default:
      return block satisfies never
  }
}

const FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif"
const INK = '#1a1d23'
const QUIET = '#5b6270'

/** Programs that know dark mode take these instead of the inline colours. */
const DARK = `@media (prefers-color-scheme: dark) {
  .ground { background: #16181d !important; }
  .card { background: #1f2229 !important; border-color: #353a44 !important; }
  .ink { color: #e8eaee !important; }
  .quiet { color: #9aa2b1 !important; }
  .code { background: #16181d !important; border-color: #353a44 !important; color: #ffffff !important; }
}`

export function htmlOf({ subject, greeting, blocks, footer }: Letter): string {
  const content = [{ kind: 'text', text: greeting } as const, ...blocks].map(htmlBlock).join('\n')
  const below = footer.map((line) => `<p class="quiet" style="margin:0 0 6px">${escape(line)}</p>`).join('\n')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no">
<title>${escape(subject)}</title>
<style>
:root { color-scheme: light dark; }
${DARK}
</style>
</head>
<body class="ground" style="margin:0;padding:24px 12px;background:#f4f5f7;${FONT}">
<div class="card" style="max-width:520px;margin:0 auto;padding:28px;background:#ffffff;border:1px solid #d9dce1;border-radius:10px">
<p class="ink" style="margin:0 0 20px;font-size:17px;font-weight:700;color:${INK}">MCPShield</p>
${content}
</div>
<div style="max-width:520px;margin:16px auto 0;padding:0 28px;font-size:13px;line-height:1.5;color:${QUIET}">
${below}
</div>
</body>
</html>
`
}

function htmlBlock(block: Block): string {
  switch (block.kind) {
    case 'text':
      return `<p class="ink" style="margin:0 0 16px;font-size:15px;line-height:1.55;color:${INK}">${escape(block.text)}</p>`
    case 'code':
      return `<p class="code" style="margin:0 0 16px;padding:16px;text-align:center;background:#f4f5f7;border:1px solid #d9dce1;border-radius:8px;font:700 32px/1.2 ui-monospace,Menlo,Consolas,monospace;letter-spacing:4px;color:${INK}">${escape(block.code)}</p>`
    case 'button':
      return `<p style="margin:0 0 16px"><a href="${escape(block.url)}" style="display:inline-block;padding:11px 20px;background:#0b57d0;border-radius:8px;font-size:15px;font-weight:600;color:#ffffff;text-decoration:none">${escape(block.label)}</a></p>
<p class="quiet" style="margin:0 0 16px;font-size:13px;line-height:1.5;color:${QUIET};word-break:break-all">${escape(block.url)}</p>`
    case 'facts':
      return `<table role="presentation" style="margin:0 0 16px;border-collapse:collapse;font-size:15px;line-height:1.5">
${block.rows.map(htmlRow).join('\n')}
</table>`
    default:
      return block satisfies never
  }
}

function htmlRow([name, value]: readonly [string, string]): string {
  return `<tr><td class="quiet" style="padding:2px 16px 2px 0;vertical-align:top;color:${QUIET}">${escape(name)}</td><td class="ink" style="padding:2px 0;color:${INK};word-break:break-word">${escape(value)}</td></tr>`
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

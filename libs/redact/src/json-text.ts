// JSON text that keeps its numbers: a number JavaScript cannot hold exactly stays as it was written.

type RawJson = { rawJSON: string }
// Node 22+ and current browsers have these; without them such numbers lose their last digits, as in JSON.parse.
const json = JSON as typeof JSON & {
  rawJSON?: (text: string) => RawJson
  isRawJSON?: (value: unknown) => value is RawJson
}
type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown

/** The object or array a text holds, or undefined when it holds neither. */
export function parseDocument(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text, keepNumber) as object
  } catch (notJson) {
    if (notJson instanceof SyntaxError || notJson instanceof RangeError) return undefined
    throw notJson
  }
}

const keepNumber: Reviver = (_key, value, context) => {
  if (typeof value !== 'number' || context?.source === undefined || json.rawJSON === undefined) return value
  return String(value) === context.source ? value : json.rawJSON(context.source)
}

/** A number as it was written, if `value` is one. */
export function writtenNumber(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  return json.isRawJSON?.(value) === true ? value.rawJSON : undefined
}

/** Whether the text names a member twice: the document then shows only the last, and a reader of the text all. */
export function hasRepeatedNames(text: string, document: object): boolean {
  return namesInText(text) > namesInDocument(document)
}

/** In JSON a text before a colon is a name. */
function namesInText(text: string): number {
  let count = 0
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at)) {
    at++
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    at++
    while (/^\s$/.test(text[at] ?? '')) at++
    if (text[at] === ':') count++
  }
  return count
}

function namesInDocument(document: object): number {
  let count = 0
  const left: unknown[] = [document]
  while (left.length > 0) {
    const value = left.pop()
    if (typeof value !== 'object' || value === null || writtenNumber(value) !== undefined) continue
    const members: unknown[] = Object.values(value)
    if (!Array.isArray(value)) count += members.length
    for (const member of members) left.push(member)
  }
  return count
}

/** A document as text, laid out as the original was. */
export function writeDocument(document: unknown, original: string): string {
  const indent = /^\s*[[{]\r?\n([ \t]{1,8})/.exec(original)?.[1]
  return JSON.stringify(document, null, indent)
}

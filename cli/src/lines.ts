// Bytes → lines, without ever holding more than one line of the largest size.

/** A line without its end, or the beginning of one that is too long to be read. */
export type Line = { bytes: Buffer } | { tooLong: Buffer }

/** Longest line that is read. */
export const MAX_LINE_BYTES = 10 * 1024 * 1024
/** How much of a longer one is kept: enough to tell which it was. */
const HEAD_BYTES = 1_024
const NEWLINE = 0x0a
const RETURN = 0x0d

/** The lines of each chunk that ends some. LF and CR LF end a line; the last one may lack its end. */
export async function* readLines(
  input: AsyncIterable<Buffer>,
  maxBytes: number = MAX_LINE_BYTES,
): AsyncGenerator<Line[]> {
  const open = openLine(maxBytes)
  for await (const chunk of input) {
    const lines: Line[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      open.add(chunk.subarray(from, end))
      lines.push(open.close())
      from = end + 1
    }
    if (from < chunk.length) open.add(chunk.subarray(from))
    if (lines.length > 0) yield lines
  }
  if (!open.isEmpty()) yield [open.close()]
}

/** The line that is being read. */
function openLine(maxBytes: number) {
  let parts: Buffer[] = []
  let length = 0
  let head: Buffer | undefined
  return {
    isEmpty: () => length === 0,
    add(part: Buffer): void {
      length += part.length
      if (head !== undefined) return
      parts.push(part)
      if (length <= maxBytes) return
      head = Buffer.concat(parts).subarray(0, HEAD_BYTES)
      // A copy: a view would keep all of it.
      head = Buffer.from(head)
      parts = []
    },
    close(): Line {
      const [only] = parts
      const bytes = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
      const line: Line = head === undefined ? { bytes: withoutReturn(bytes) } : { tooLong: head }
      parts = []
      length = 0
      head = undefined
      return line
    },
  }
}

function withoutReturn(bytes: Buffer): Buffer {
  return bytes.at(-1) === RETURN ? bytes.subarray(0, -1) : bytes
}

// JSON as one line, for whatever its reader takes for the end of a line.

/** NEL and the two separators of Unicode; JSON itself escapes every other end of a line. */
const LINE_ENDS = /[\u0085\u2028\u2029]/g

/** The JSON text of a value, without an end. Many libraries split at more than LF, and would read half a message. */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replace(
    LINE_ENDS,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

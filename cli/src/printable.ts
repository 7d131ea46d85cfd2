// Text of others on a terminal: what would move the cursor or turn the reading direction is shown as a mark.

// eslint-disable-next-line no-control-regex -- these are the characters that must not pass
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** The text on one line, without control or direction characters. A character for a character: columns stay true. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => (character === '\t' ? ' ' : '\ufffd'))
}

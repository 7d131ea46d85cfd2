// Text that strangers may have chosen (names, tools, programs), made fit for a mail: one line, no hidden characters,
// cut to a length, and nothing that a mail program would make a link of.

/** `evil.com` becomes `evil[.]com`: readable, and a link nowhere. */
export function plainName(text: string, maxLength = 80): string {
  return defused(cut(oneLine(text), maxLength))
}

function oneLine(text: string): string {
  return (
    text
      .normalize('NFC')
      .replace(/[\p{Z}\p{Cc}]+/gu, ' ')
      // Formats (the bidirectional ones among them), private use, half surrogates, unassigned.
      .replace(/\p{C}/gu, '')
      // A letter needs few marks; a heap of them reaches into the lines around.
      .replace(/(\p{M}{4})\p{M}+/gu, '$1')
      .trim()
  )
}

function cut(text: string, maxLength: number): string {
  const characters = [...text]
  return characters.length <= maxLength
    ? text
    : `${characters
        .slice(0, maxLength - 1)
        .join('')
        .trimEnd()}…`
}

function defused(text: string): string {
  return (
    text
      // Before what could be a top-level domain: two letters or more, in any script. Other scripts have full stops, too.
      .replace(/(?<=\S)[.。．｡․](?=[\p{L}\p{M}]{2}|xn--)/giu, '[.]')
      .replace(/\bwww(?=\.)/gi, 'www[]')
      .replace(/:(?=\/)/g, '[:]')
      .replace(/(?<=\b(?:mailto|tel|sms|javascript|data|file)):/gi, '[:]')
      // Outlook makes links of \\server\share.
      .replace(/\\{2,}|\/{2,}/g, (slashes) => slashes[0] ?? '')
  )
}

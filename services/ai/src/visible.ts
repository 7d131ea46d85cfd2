/** Words of a model without what a terminal or a page could take for more than text. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (each) => (each === '\n' || each === '\t' ? each : ''))
}

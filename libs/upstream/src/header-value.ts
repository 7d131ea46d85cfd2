// Values of the headers that mirror a request's body in the modern era.

/** Visible characters of ASCII, with spaces between them. */
const PLAIN = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/
/** What would be taken for an encoded value. */
const SENTINEL = /^=\?base64\?.*\?=$/

/** As it is where a header can hold it, else in the protocol's base64 form. */
export function headerValue(value: string): string {
  if (PLAIN.test(value) && !SENTINEL.test(value)) return value
  return `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`
}

/** True when it can stand in a header as it is: methods have no encoded form. */
export function isPlain(value: string): boolean {
  return value !== '' && PLAIN.test(value)
}

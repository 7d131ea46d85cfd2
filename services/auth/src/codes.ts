// Mailed codes. A code is a function of the request it was made for and of a key: delivering a request again makes the
// same code again. What is kept of it cannot be turned back without the key.
import { createHmac, hkdfSync } from 'node:crypto'

export type Purpose = 'verify_email' | 'reset_password'

export type Codes = {
  /** The digits mailed for a request, whose id is random. */
  codeFor(requestId: string): string
  /** What is stored, and compared, in place of a code. */
  macOf(about: { email: string; purpose: Purpose; code: string }): string
}

export function mailedCodes(masterKeyHex: string, digits: number): Codes {
  const derive = (use: string) =>
    Buffer.from(hkdfSync('sha256', Buffer.from(masterKeyHex, 'hex'), '', `mcpshield auth ${use}`, 32))
  const [codeKey, macKey] = [derive('otp code'), derive('otp mac')]
  const hmac = (key: Buffer, parts: string[]) => createHmac('sha256', key).update(parts.join('\n')).digest()
  return {
    codeFor(requestId) {
      // 64 bits to ten digits at most: the bias of the remainder is below 2^-30.
      const number = hmac(codeKey, [requestId]).readBigUInt64BE() % 10n ** BigInt(digits)
      return number.toString().padStart(digits, '0')
    },
    macOf: ({ email, purpose, code }) => hmac(macKey, [purpose, email, code]).toString('base64url'),
  }
}

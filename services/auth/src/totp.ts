// The second factor: codes of an authenticator app (RFC 6238: SHA-1, 30 s, six digits, one step of tolerance), and
// recovery codes for when it is lost.
import { createHash } from 'node:crypto'
import { generateSecret, generateURI, verifySync } from 'otplib'

const SECRET_BYTES = 20
const STEP_SECONDS = 30
const RECOVERY_CODES = 10
/** 120 bits: enough that a plain digest keeps them. */
const RECOVERY_BYTES = 15
const ISSUER = 'MCPShield'

export function newTotpSecret(): string {
  return generateSecret({ length: SECRET_BYTES })
}

/** What an authenticator app reads from a QR code. */
export function otpauthUri(secret: string, email: string): string {
  return generateURI({ issuer: ISSUER, label: email, secret })
}

/** The time step that a code is of, or undefined when it is of none near now. */
export function stepOf(secret: string, code: string, now: Date): number | undefined {
  const epoch = Math.floor(now.getTime() / 1000)
  const result = verifySync({
    secret,
    token: code,
    epoch,
    period: STEP_SECONDS,
    epochTolerance: STEP_SECONDS,
  })
  return result.valid && 'timeStep' in result ? result.timeStep : undefined
}

/** Whether what was typed looks like an app's code; else it may be a recovery code. */
export function isAppCode(typed: string): boolean {
  return /^\d{6}$/.test(typed.replace(/\s/g, ''))
}

/** Fresh recovery codes, grouped for typing. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: RECOVERY_CODES }, () =>
    (generateSecret({ length: RECOVERY_BYTES }).match(/.{1,4}/g) ?? []).join('-'),
  )
}

/** What is stored of a recovery code, however it is typed. */
export function recoveryDigest(typed: string): string {
  const bare = typed.toUpperCase().replace(/[^A-Z2-7]/g, '')
  return createHash('sha256').update(bare).digest('hex')
}

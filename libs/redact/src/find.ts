// Finds what must not leave in a text. Every detector reads the text a constant number of times, so the time is
// linear in its length whatever it holds.
import { findCommandPasswords } from './detectors/command-line.ts'
import { findConnectionStrings } from './detectors/connection-string.ts'
import { findEmails } from './detectors/email.ts'
import { findGenericSecrets } from './detectors/generic-secret.ts'
import { findHttpCredentials } from './detectors/http-credentials.ts'
import { findJwts } from './detectors/jwt.ts'
import { findNumbers } from './detectors/numbers.ts'
import { findPrivateKeys } from './detectors/private-key.ts'
import { findShapedTokens } from './detectors/shaped-tokens.ts'
import { VENDOR_DETECTORS, findVendorTokens } from './detectors/vendor-tokens.ts'
import { mergeFindings } from './finding.ts'
import type { Finding } from './finding.ts'
import { isInMarker } from './marker.ts'

/** Every detector a policy can name. Where two see the same text, the earlier one names it. */
export const DETECTORS = [
  'private_key',
  'jwt',
  ...VENDOR_DETECTORS,
  'connection_string',
  'http_credentials',
  'credit_card',
  'iban',
  'ssn',
  'email',
  'phone',
  'generic_secret',
] as const
export type DetectorName = (typeof DETECTORS)[number]

/** Applied to every audit record: all of them, since a record may hold neither secrets nor personal data. */
export const DEFAULT_DETECTORS: readonly DetectorName[] = DETECTORS

/** Whether a policy may name this detector. */
export function isDetectorName(name: string): name is DetectorName {
  return (DETECTORS as readonly string[]).includes(name)
}

const vendorNames: ReadonlySet<string> = new Set(VENDOR_DETECTORS)
const sets = new WeakMap<readonly DetectorName[], ReadonlySet<DetectorName>>()

/** What the detectors see in `text`: in order, without overlaps, offsets in UTF-16 code units. */
export function findSecrets(
  text: string,
  detectors: readonly DetectorName[] = DEFAULT_DETECTORS,
): Finding<DetectorName>[] {
  const found: Finding<DetectorName>[] = []
  if (text.length < MIN_LENGTH) return found
  const wanted = wantedOf(detectors)
  const emit = (type: DetectorName, start: number, end: number) => {
    if (!isInMarker(text, start, end)) found.push({ type, start, end })
  }
  if (wanted.has('private_key')) findPrivateKeys(text, emit)
  if (wanted.has('jwt')) findJwts(text, emit)
  if (wanted.has('connection_string')) findConnectionStrings(text, emit)
  if (wanted.has('email')) findEmails(text, emit)
  if (wanted.has('http_credentials')) findHttpCredentials(text, emit)
  if (wanted.has('generic_secret') || wanted.has('aws_key')) findGenericSecrets(text, wanted, emit)
  if (wanted.has('generic_secret')) findCommandPasswords(text, emit)
  findNumbers(text, wanted, emit)
  if (detectors.some((detector) => vendorNames.has(detector))) {
    findVendorTokens(text, wanted, emit)
    findShapedTokens(text, wanted, emit)
  }
  return mergeFindings(found, DETECTORS)
}
/** `a@b.de`, the shortest thing any detector reports. */
const MIN_LENGTH = 6

function wantedOf(detectors: readonly DetectorName[]): ReadonlySet<DetectorName> {
  let wanted = sets.get(detectors)
  if (wanted === undefined) sets.set(detectors, (wanted = new Set(detectors)))
  return wanted
}

// What a destination may be, beyond what its schema says; and which secrets stay when it changes. Pure.
import { X509Certificate } from 'node:crypto'
import { AppError, type FieldError } from '@mcpshield/contracts/errors'
import type { SiemDestinationInput } from '@mcpshield/contracts/siem'
import type { SealedSecrets, Settings } from './settings.ts'

/** Headers that are ours to say. */
const OURS =
  /^(host|content-.*|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|webhook-.*|user-agent)$/i

/** Throws INVALID_ARGUMENT. `before` is what it is changed from. */
export function checkedDestination(destination: SiemDestinationInput, before?: Settings): void {
  const errors = [
    ...certificateErrors(destination),
    ...(destination.kind === 'webhook' ? webhookErrors(destination) : []),
    ...(before !== undefined && before.kind !== destination.kind
      ? [{ path: 'destination.kind', message: `must stay ${before.kind}; make another forwarder instead` }]
      : []),
  ]
  if (errors.length > 0) throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors })
}

type WebhookInput = Extract<SiemDestinationInput, { kind: 'webhook' }>

function webhookErrors({ url, headers = {} }: WebhookInput): FieldError[] {
  const { username, password } = new URL(url)
  const names = Object.keys(headers)
  const folded = names.map((name) => name.toLowerCase())
  return [
    ...(username !== '' || password !== ''
      ? [{ path: 'destination.url', message: 'must have no credentials in it; give them as a header' }]
      : []),
    ...names
      .filter((name) => OURS.test(name))
      .map((name) => ({ path: `destination.headers.${name}`, message: 'is set by MCPShield itself' })),
    ...(new Set(folded).size < folded.length
      ? [{ path: 'destination.headers', message: 'must name each header once' }]
      : []),
  ]
}

function certificateErrors({ ca_certificate }: SiemDestinationInput): FieldError[] {
  if (ca_certificate === null || ca_certificate === undefined) return []
  try {
    for (const pem of certificatesIn(ca_certificate)) new X509Certificate(pem)
    return []
  } catch {
    return [{ path: 'destination.ca_certificate', message: 'is not a certificate in PEM' }]
  }
}

function certificatesIn(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
}

/**
 * The headers after a change that gives none: those that there are, as long as they go to the same server. Whoever may
 * name another must know them to send them there.
 */
export function keptHeaders(
  before: Settings,
  after: SiemDestinationInput,
  { headers }: SealedSecrets,
): SealedSecrets['headers'] {
  if (after.kind !== 'webhook' || before.kind !== 'webhook') return {}
  if (after.headers !== undefined) return after.headers
  const isSameServer =
    new URL(after.url).origin === new URL(before.url).origin &&
    (after.ca_certificate ?? null) === before.ca_certificate
  return isSameServer ? headers : {}
}

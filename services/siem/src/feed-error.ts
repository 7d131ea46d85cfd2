// Why a place has not taken events, in words that an administrator may read. Without secrets.

export class FeedError extends Error {
  override readonly name = 'FeedError'
  /** Whether fewer events at once might be taken. */
  readonly isTooLarge: boolean

  constructor(message: string, options: { cause?: unknown; isTooLarge?: boolean } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.isTooLarge = options.isTooLarge ?? false
  }
}

/** A failure of the network or of TLS. `at` is the host and port that was named. */
export function networkError(cause: unknown, at: string): FeedError {
  return cause instanceof FeedError ? cause : new FeedError(networkReason(cause, at), { cause })
}

function networkReason(cause: unknown, at: string): string {
  const { code, name, errors } = cause as { code?: unknown; name?: unknown; errors?: { code?: unknown }[] }
  const first = code ?? errors?.[0]?.code
  const told = typeof first === 'string' ? first : ''
  if (name === 'TimeoutError' || name === 'AbortError' || told === 'ETIMEDOUT' || told === 'ABORT_ERR')
    return `${at} did not answer in time.`
  if (told === 'ECONNREFUSED') return `Nobody listens at ${at}.`
  if (told === 'ENOTFOUND' || told === 'EAI_AGAIN') return `The host of ${at} is not known.`
  if (told === 'ECONNRESET' || told === 'EPIPE') return `${at} cut the connection.`
  if (told === 'ERR_TLS_CERT_ALTNAME_INVALID') return `The certificate of ${at} is of another host.`
  if (told === 'CERT_HAS_EXPIRED') return `The certificate of ${at} has expired.`
  if (/CERT|SIGNATURE|ISSUER|CRL/.test(told))
    return `The certificate of ${at} is signed by nobody who is trusted (${told}).`
  if (/^(ERR_SSL|EPROTO|ERR_TLS)/.test(told)) return `${at} does not speak TLS as it should (${told}).`
  return `The connection to ${at} failed${told === '' ? '' : ` (${told})`}.`
}

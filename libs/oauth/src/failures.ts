// What can go wrong between us and an authorisation server, told in sentences that a customer may read.

/**
 * `unreachable`: trying again later may work. `refused`: it will not until somebody changes something, here or there.
 * `forbidden`: an address that must not be connected to. `denied`: the authorisation server, or the person there, said no.
 */
export type FailureKind = 'unreachable' | 'refused' | 'forbidden' | 'denied'

export class OAuthFailure extends Error {
  override readonly name = 'OAuthFailure'
  readonly kind: FailureKind

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.kind = kind
  }
}

/** Words of another server as they may be shown: the characters RFC 6749 allows, and not many of them. */
export function plain(words: unknown): string {
  if (typeof words !== 'string') return ''
  return words
    .replace(/[^\x20-\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]+/g, ' ')
    .replace(/ +/g, ' ')
    .trim()
    .slice(0, 200)
}

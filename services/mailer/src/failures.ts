// What an attempt to hand over a mail came to, told from nodemailer's error. The one question that must not be
// answered wrongly: can the mail server have it?

/**
 * `permanent`: this mail will never be taken. `temporary`: not now. `unreachable`: the server was not there for any
 * mail. `uncertain`: the server may have it.
 */
export type FailureKind = 'permanent' | 'temporary' | 'unreachable' | 'uncertain'

export class SendFailure extends Error {
  override readonly name = 'SendFailure'
  readonly kind: FailureKind

  constructor(kind: FailureKind, reason: string) {
    super(reason)
    this.kind = kind
  }
}

/** How far the conversation had come: without a session, within one, or with the mail itself on its way. */
export type Stage = 'connecting' | 'talking' | 'handing over'

type SmtpError = Error & { code?: string; command?: string; responseCode?: number; response?: string }

const SERVICE_CLOSING = 421

export function failureOf(error: SmtpError, stage: Stage): SendFailure {
  return new SendFailure(kindOf(error, stage), reasonOf(error))
}

function kindOf({ code, command, responseCode }: SmtpError, stage: Stage): FailureKind {
  const aboutThisMail = code === 'EENVELOPE' || code === 'EMESSAGE'
  if (responseCode !== undefined && responseCode !== SERVICE_CLOSING && aboutThisMail) {
    // A refused sender is a matter of configuration, which an operator may mend while the mail waits.
    return responseCode >= 500 && command !== 'MAIL FROM' ? 'permanent' : 'temporary'
  }
  // An answer with a code is an answer: the mail was not taken, wherever it was.
  if (stage === 'handing over' && responseCode === undefined) return 'uncertain'
  if (aboutThisMail && responseCode === undefined) return 'permanent'
  return stage === 'connecting' || responseCode === SERVICE_CLOSING ? 'unreachable' : 'temporary'
}

/** For operators: what the server said, without the addresses that servers like to repeat. */
function reasonOf({ message, response, code }: SmtpError): string {
  const text = response ?? `${code ?? 'error'}: ${message}`
  return withoutAddresses(text).replace(/\s+/g, ' ').trim().slice(0, 300)
}

export function withoutAddresses(text: string): string {
  return text.replace(/[^\s<>"'(),;:]+@[^\s<>"'(),;]+/g, '…@…')
}

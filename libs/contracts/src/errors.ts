// The closed table of error codes. A denial is not an error: decisions are answers.

export const ERRORS = {
  INVALID_ARGUMENT: { status: 400, title: 'The request is not valid', retry: false, level: 'info' },
  UNAUTHENTICATED: { status: 401, title: 'Not signed in', retry: false, level: 'info' },
  QUOTA_EXCEEDED: { status: 402, title: 'The plan does not include this', retry: false, level: 'info' },
  PERMISSION_DENIED: { status: 403, title: 'Not permitted', retry: false, level: 'info' },
  NOT_FOUND: { status: 404, title: 'Not found', retry: false, level: 'info' },
  CONFLICT: { status: 409, title: 'Conflict with what is there', retry: false, level: 'info' },
  EXPIRED: { status: 410, title: 'No longer there', retry: false, level: 'info' },
  STALE: { status: 412, title: 'Changed by someone else meanwhile', retry: false, level: 'info' },
  POLICY_INVALID: { status: 422, title: 'The policy is not valid', retry: false, level: 'info' },
  PRECONDITION_REQUIRED: { status: 428, title: 'If-Match is required', retry: false, level: 'info' },
  RATE_LIMITED: { status: 429, title: 'Too many requests', retry: true, level: 'info' },
  INTERNAL: { status: 500, title: 'Internal error', retry: false, level: 'error' },
  UNAVAILABLE: { status: 503, title: 'Not available', retry: true, level: 'warn' },
  DEADLINE_EXCEEDED: { status: 504, title: 'No answer in time', retry: true, level: 'warn' },
} as const satisfies Record<
  string,
  { status: number; title: string; retry: boolean; level: 'info' | 'warn' | 'error' }
>

export type ErrorCode = keyof typeof ERRORS

/** Where input was at fault. `path` is dotted, as the caller wrote it. */
export type FieldError = { path: string; message: string }

export type ErrorDetails = {
  /** A stable name for this case below its code, such as `email_not_verified`. */
  type?: string
  errors?: FieldError[]
  retry_after_ms?: number
  /** Policy diagnostics of POLICY_INVALID: [{line, column, severity, code, message, fix?}]. */
  diagnostics?: unknown[]
}

/** An expected failure. The message is a sentence a customer may read; the cause is for the log. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails & { cause?: unknown } = {}) {
    const { cause, ...rest } = details
    super(message, cause === undefined ? {} : { cause })
    this.code = code
    this.details = rest
  }
}

/** What crosses the bus and becomes problem+json at the edge. */
export type ErrorBody = { code: ErrorCode; message: string } & ErrorDetails

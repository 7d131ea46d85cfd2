// Errors at the edge: RFC 9457 problem details. Nothing internal gets into them.
import { ERRORS, type AppError } from './errors.ts'

export type Problem = {
  type: string
  title: string
  status: number
  detail: string
  errors?: { path: string; message: string }[]
  diagnostics?: unknown[]
  request_id?: string
}

export const PROBLEM_TYPE = 'application/problem+json'

/** The problem document of an error, and the headers that go with it. */
export function problemOf(
  error: AppError,
  requestId?: string,
): { status: number; headers: Record<string, string>; body: Problem } {
  const { status, title } = ERRORS[error.code]
  const { type, errors, diagnostics, retry_after_ms: retryAfterMs } = error.details
  return {
    status,
    headers: retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) },
    body: {
      type: `urn:mcpshield:error:${type ?? error.code.toLowerCase()}`,
      title,
      status,
      detail: error.message,
      ...(errors === undefined ? {} : { errors }),
      ...(diagnostics === undefined ? {} : { diagnostics }),
      ...(requestId === undefined ? {} : { request_id: requestId }),
    },
  }
}

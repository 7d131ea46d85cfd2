// Errors at the edge, as problem documents. Nothing internal gets into one.
import type { FastifyReply } from 'fastify'
import { asAppError } from '@mcpshield/bus/rpc'
import { AppError } from '@mcpshield/contracts/errors'
import { PROBLEM_TYPE, problemOf, type Problem } from '@mcpshield/contracts/problem'

/** Refusals of HTTP itself, before any endpoint is asked. */
const http: Record<number, { type: string; title: string; detail: string }> = {
  404: { type: 'not_found', title: 'Not found', detail: 'There is nothing at this path for this method.' },
  405: {
    type: 'method_not_allowed',
    title: 'Method not allowed',
    detail: 'This path has other methods: see the Allow header.',
  },
  408: { type: 'request_timeout', title: 'Request timeout', detail: 'The request took too long to arrive.' },
  413: {
    type: 'body_too_large',
    title: 'The body is too large',
    detail: 'A body may have up to 1 MiB.',
  },
  415: {
    type: 'unsupported_media_type',
    title: 'Unsupported media type',
    detail: 'Send the body as application/json.',
  },
}

/** Sends whatever was thrown as problem+json; returns it as the AppError it stands for, to be logged. */
export function sendProblem(reply: FastifyReply, thrown: unknown): AppError | undefined {
  const status = (thrown as { statusCode?: number }).statusCode
  const known = thrown instanceof AppError || status === undefined ? undefined : http[status]
  if (known !== undefined && status !== undefined) {
    send(reply, status, { ...known, type: `urn:mcpshield:error:${known.type}`, status })
    return undefined
  }
  const error = errorOf(thrown, status)
  const { status: errorStatus, headers, body } = problemOf(error, reply.request.id)
  void reply.headers(headers)
  if (errorStatus === 401) void reply.header('www-authenticate', 'Bearer')
  send(reply, errorStatus, body)
  return error
}

function errorOf(thrown: unknown, status: number | undefined): AppError {
  if (thrown instanceof AppError || status === undefined) return asAppError(thrown)
  if (status < 500) return new AppError('INVALID_ARGUMENT', 'The request cannot be read.', { cause: thrown })
  if (status !== 503) return asAppError(thrown)
  return new AppError('UNAVAILABLE', 'This took too long; try again in a moment.', {
    retry_after_ms: 1_000,
    cause: thrown,
  })
}

/** What answers a path or a method that is not there; `methods` are those that the path has. */
export function sendNotFound(reply: FastifyReply, methods: readonly string[] = []): void {
  if (methods.length > 0) void reply.header('allow', methods.join(', '))
  sendProblem(reply, { statusCode: methods.length === 0 ? 404 : 405 })
}

function send(reply: FastifyReply, status: number, problem: Problem): void {
  void reply
    .status(status)
    .type(PROBLEM_TYPE)
    .send({ ...problem, request_id: reply.request.id })
}

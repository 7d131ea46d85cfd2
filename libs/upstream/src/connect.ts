// An upstream of a project, by its transport.
import { AppError } from '@mcpshield/contracts/errors'
import type { Log } from '@mcpshield/runtime/log'
import { httpUpstream } from './http-upstream.ts'
import { stdioUpstream } from './stdio-upstream.ts'
import type { Upstream, UpstreamSpec } from './upstream.ts'

/** An upstream that nobody gets to, with the reason. */
export function refusedUpstream(slug: string, reason: string): Upstream {
  return {
    slug,
    peer: () => Promise.reject(new AppError('PERMISSION_DENIED', reason)),
    leave: () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Nothing is reached before the first conversation. */
export function connectUpstream(spec: UpstreamSpec, log: Log): Upstream {
  return spec.transport === 'stdio' ? stdioUpstream(spec, log) : httpUpstream(spec, log)
}

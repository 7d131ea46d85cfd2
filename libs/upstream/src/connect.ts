// An upstream of a project, by its transport.
import type { Log } from '@mcpshield/runtime/log'
import { httpUpstream } from './http-upstream.ts'
import { stdioUpstream } from './stdio-upstream.ts'
import type { Upstream, UpstreamSpec } from './upstream.ts'

/** Nothing is reached before the first conversation. */
export function connectUpstream(spec: UpstreamSpec, log: Log): Upstream {
  return spec.transport === 'stdio' ? stdioUpstream(spec, log) : httpUpstream(spec, log)
}

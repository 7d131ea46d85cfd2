// What facts are drawn with, from what is known of a project: the same wherever its calls are judged or tried.
import type { PolicySnapshot } from '@mcpshield/contracts/projects'
import type { DrawOptions } from '@mcpshield/facts/draw'
import type { Policy } from '@mcpshield/policy/schema'

/** What facts need to know of a project. */
export type Systems = Pick<PolicySnapshot, 'connections' | 'upstreams'>

/** The options for facts of calls of one tool. */
export function drawOptions(policy: Policy, { connections, upstreams }: Systems, tool: string): DrawOptions {
  const slug = tool.split('/')[0]
  const server = upstreams.find((upstream) => upstream.slug === slug)?.server ?? undefined
  return {
    connections,
    ...(policy.facts === undefined ? {} : { declarations: policy.facts }),
    ...(server === undefined ? {} : { server }),
  }
}

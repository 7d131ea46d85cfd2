// Access tokens of upstreams behind OAuth. The projects service keeps and renews them; here one is remembered until it is
// over or refused.
import { hash } from 'node:crypto'
import type { Input, Output } from '@mcpshield/contracts/define'
import type { projects } from '@mcpshield/contracts/projects'
import type { TokenSource } from '@mcpshield/upstream/upstream'

type Rpc = (typeof projects.rpc)['getUpstreamToken']
type Ask = (input: Input<Rpc>) => Promise<Output<Rpc>>

/** So long before its end a token is no longer begun a request with. */
const LEEWAY_MS = 10_000

export function upstreamTokens(ask: Ask, project_id: string, upstream_id: string): TokenSource {
  let held: Promise<Output<Rpc>> | undefined
  const fetch = (more: Pick<Input<Rpc>, 'refused_digest' | 'challenge'>) => {
    const asked = ask({ project_id, upstream_id, ...more })
    held = asked
    asked.catch(() => {
      if (held === asked) held = undefined
    })
    return asked
  }
  const isOver = ({ expires_at }: Output<Rpc>) =>
    expires_at !== null && Date.parse(expires_at) - LEEWAY_MS <= Date.now()
  return {
    async token() {
      const known = await (held ?? fetch({}))
      return (isOver(known) ? await fetch({}) : known).access_token
    },
    async renew(refused, challenge) {
      const known = await held?.catch(() => undefined)
      // Another request was refused before, and has a new one.
      if (known !== undefined && known.access_token !== refused) return known.access_token
      const renewed = await fetch({
        refused_digest: hash('sha256', refused),
        ...(challenge === undefined ? {} : { challenge }),
      })
      return renewed.access_token
    },
  }
}

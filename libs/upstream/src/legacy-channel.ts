// A session of the legacy era over a channel: all that is said on it is for one speaker.
import type { RpcAnswer } from '@mcpshield/mcp/messages'
import type { Log } from '@mcpshield/runtime/log'
import type { Channel } from './channel.ts'
import { initialized, initializeParams, type Hello, type Link, type LinkEvents } from './link.ts'
import { legacyParams, nextRequestId } from './request-params.ts'
import { toldOnce } from './questions.ts'
import { openUnasked, type Owner } from './unasked.ts'
import type { RequestOptions } from './upstream.ts'

type LinkOptions = {
  startTimeoutMs: number
  close(): Promise<void>
  /** Of the link; without it, as many as like may listen. */
  checkHold?(): void
  log: Log
}

/** Shakes hands. Throws a Refusal when the server is not of the legacy era. */
export async function openChannelLink(
  channel: Channel,
  hello: Hello,
  events: LinkEvents,
  { startTimeoutMs, close, checkHold = () => undefined, log }: LinkOptions,
): Promise<Link> {
  const { slug } = channel
  const owners = new Map<number, RequestOptions>()
  const failed = toldOnce(log, slug)
  const unasked = openUnasked(
    events,
    (id, answer) => channel.send({ id, ...answer }).catch(failed),
    log,
    true,
  )
  channel.hear = (message) => unasked.hear(message, newest(owners))
  const options = { timeoutMs: startTimeoutMs }
  const answer = await channel.call(nextRequestId(), 'initialize', initializeParams(hello), options)
  const server = initialized(slug, answer, null)
  await channel.send({ method: 'notifications/initialized' })
  return {
    server,
    async request(method, params, given) {
      const id = nextRequestId()
      let answered: RpcAnswer | undefined
      owners.set(id, given)
      unasked.begin(id, params, given)
      try {
        return (answered = await channel.call(id, method, legacyParams(params, id), given))
      } finally {
        owners.delete(id)
        unasked.endOf(id, answered)
      }
    },
    notify: (method, params) => channel.send({ method, ...(params === undefined ? {} : { params }) }),
    checkHold,
    follow: () => Promise.resolve(), // All that is said comes on the one channel.
    async close() {
      unasked.end()
      await close()
    },
  }
}

/** What is said outside of any answer belongs to the newest request, as far as it does not say itself. */
function newest(owners: Map<number, RequestOptions>): Owner | undefined {
  let owner: Owner | undefined
  for (const [id, options] of owners) owner = { id, options }
  return owner
}

// Events into a credential's own NATS account, as they are in the record.
import { connectSiemWriter, SiemFull, type SiemBacklog, type SiemWriter } from '@mcpshield/bus/siem-writer'
import { FeedError } from './feed-error.ts'
import type { Target } from './target.ts'

export type ConnectWriter = (credentialId: string) => Promise<SiemWriter>

/** A writer for a credential's account, its JWT signed by `sign`. */
export function writerConnector(
  url: string,
  sign: (credentialId: string, userKey: string) => Promise<string>,
): ConnectWriter {
  return (credentialId) =>
    connectSiemWriter({ url, credentialId, sign: (userKey) => sign(credentialId, userKey) })
}

export type AccountHears = {
  /** How much its reader has not acknowledged, at most every `everyMs`. */
  onBacklog(backlog: SiemBacklog): void
  everyMs: number
  /** What was in the account is lost, with the server's disk or by a restore: before it is made anew. */
  onLost(): Promise<void>
}

export async function accountTarget(
  connectWriter: ConnectWriter,
  credentialId: string,
  { onBacklog, everyMs, onLost }: AccountHears,
): Promise<Target> {
  const writer = await connectWriter(credentialId).catch((cause: unknown) => {
    throw new FeedError('The NATS account of this credential cannot be reached.', { cause })
  })
  try {
    if (!(await writer.isThere())) await onLost()
    await writer.prepare()
  } catch (cause) {
    await writer[Symbol.asyncDispose]()
    throw asFeedError(cause)
  }
  const look = () => void writer.backlog().then(onBacklog, () => undefined)
  look()
  const timer = setInterval(look, everyMs)
  return {
    async deliver(parcels) {
      await writer.write(parcels).catch((cause: unknown) => {
        throw asFeedError(cause)
      })
    },
    isOver: () => writer.isClosed(),
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await writer[Symbol.asyncDispose]()
    },
  }
}

function asFeedError(cause: unknown): FeedError {
  return cause instanceof SiemFull
    ? new FeedError(
        'There is no room for more that its reader has not acknowledged. Events wait in the record until it reads on.',
        { cause },
      )
    : new FeedError('The NATS account of this credential did not take the events.', { cause })
}

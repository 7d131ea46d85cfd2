// JSON-RPC batches, which revision 2025-03-26 alone has. They are not taken, and whoever waits for something in one learns
// of it at once.
import { INVALID_REQUEST, isId, isObject, type RequestId, type RpcError } from './messages.ts'

export type RefusedBatch = {
  /** In place of each answer in it. */
  answers: { id: RequestId; error: RpcError }[]
  /** To whoever asked something in it. */
  replies: { id: RequestId; error: RpcError }[]
}

/** At most; whoever waits for more waits until it is over. */
const MAX_ENTRIES = 1_000

/** `who` said it, as the subject of a sentence. */
export function refusedBatch(batch: readonly unknown[], who: string): RefusedBatch {
  const refused: RefusedBatch = { answers: [], replies: [] }
  for (const entry of batch.slice(0, MAX_ENTRIES)) {
    if (!isObject(entry) || !isId(entry['id'])) continue
    const message = `${who} sent a JSON-RPC batch, which is not accepted: send one message at a time.`
    const refusal = { id: entry['id'], error: { code: INVALID_REQUEST, message } }
    if (entry['method'] === undefined) refused.answers.push(refusal)
    else refused.replies.push(refusal)
  }
  return refused
}

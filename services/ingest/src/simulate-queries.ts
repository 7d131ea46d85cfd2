// The recorded calls of a project as a simulation reads them: newest first, in pages that are bounded in bytes, since
// agents put whatever they like into their arguments.
import { clickhouseTime, timeMsOf, type DecisionRow } from './rows.ts'
import type { Scope } from './scope.ts'

type Column =
  'id' | 'time' | 'method' | 'tool' | 'decision' | 'rule' | 'reason' | 'policy_version' | 'agent' | 'key_id'

export type CallRow = Pick<DecisionRow, Column> & {
  /** JSON; null where there are none, or too many to be read, or nobody asked for them. */
  kept_facts: string | null
  kept_arguments: string | null
  facts_bytes: number
  arguments_bytes: number
}

export type CallSpan = {
  projectId: string
  fromMs: number
  toMs: number
  /** Whether a rule of the draft reads arguments at all. */
  withArguments: boolean
}

const COLUMNS = 'id, time, method, tool, decision, rule, reason, policy_version, agent, key_id'
/** Longer ones are not brought here. */
export const MOST_BYTES = { facts: 256 * 1024, arguments: 64 * 1024 }
const PAGE = { rows: 4_000, bytes: 3 << 20 }

/** The next calls before one, or the newest; none when there are no more. A call that was written twice may come twice in a row. */
export async function selectCalls(
  scope: Scope,
  span: CallSpan,
  after: CallRow | undefined,
): Promise<CallRow[]> {
  const before =
    after === undefined
      ? ''
      : `AND time <= ${time('at')} AND (time < ${time('at')} OR UUIDToNum(id) < UUIDToNum({after:UUID}))`
  const from = `${scope.records} AND kind = 'decision' AND project_id = {project:UUID}
    AND time >= ${time('from')} AND time < ${time('to')} ${before}`
  // How far the page reaches is asked first, of the time column alone (see queries.ts).
  return scope.select<CallRow>(
    `SELECT ${COLUMNS}, kept_facts, kept_arguments, facts_bytes, arguments_bytes
  FROM (
    SELECT *, sum(row_bytes) OVER (ORDER BY time DESC, UUIDToNum(id) DESC ROWS UNBOUNDED PRECEDING) AS page_bytes
    FROM (
      SELECT ${COLUMNS},
        length(ifNull(facts, '')) AS facts_bytes,
        length(ifNull(arguments, '')) AS arguments_bytes,
        if(facts_bytes > {most_facts:UInt32}, NULL, facts) AS kept_facts,
        if({with_arguments:UInt8} = 0 OR arguments_bytes > {most_arguments:UInt32}, NULL, arguments) AS kept_arguments,
        length(tool) + length(reason) + length(ifNull(kept_facts, '')) + length(ifNull(kept_arguments, '')) AS row_bytes
      ${from}
        AND time >= (SELECT min(time) FROM (SELECT time ${from} ORDER BY time DESC LIMIT {limit:UInt32}))
      ORDER BY time DESC, UUIDToNum(id) DESC
      LIMIT {limit:UInt32}))
  WHERE page_bytes - row_bytes <= {bytes:UInt32}
  ORDER BY time DESC, UUIDToNum(id) DESC`,
    {
      project: span.projectId,
      from: clickhouseTime(span.fromMs),
      to: clickhouseTime(span.toMs),
      with_arguments: span.withArguments ? 1 : 0,
      most_facts: MOST_BYTES.facts,
      most_arguments: MOST_BYTES.arguments,
      limit: PAGE.rows,
      bytes: PAGE.bytes,
      ...(after === undefined ? {} : { at: clickhouseTime(timeMsOf(after)), after: after.id }),
    },
  )
}

const time = (name: string) => `{${name}:DateTime64(3, 'UTC')}`

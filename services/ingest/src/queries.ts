// The questions asked of the record, by name. Values are parameters, never text of a statement.
import type { Input } from '@mcpshield/contracts/define'
import type { ingest } from '@mcpshield/contracts/ingest'
import type { Position } from './cursor.ts'
import { clickhouseTime, type DecisionRow, type OutcomeRow } from './rows.ts'
import type { Scope } from './scope.ts'

export type AuditFilter = Omit<Input<typeof ingest.rpc.listAudits>, 'limit' | 'cursor'>

/** In the order of an event's fields. */
const DECISION_COLUMNS = `
  id, time, kind, org_id, project_id, method, tool, arguments, arguments_digest, facts, decision, rule, reason,
  policy_version, policy_hash, mode, agent, key_id, user_id, request_id, trace_id, approved_by,
  outcome, duration_ms, rows, bytes, redactions, result_digest, decision_id`
const OUTCOME_COLUMNS = `
  org_id, project_id, time, id, outcome, duration_ms, rows, bytes, redactions, result_digest`

/**
 * Up to `limit` decisions of an organisation beyond a position, nearest first: newest first for `older`,
 * oldest first for `newer`. A decision that was written twice may come twice, one after the other.
 */
export async function selectDecisions(
  scope: Scope,
  filter: AuditFilter,
  position: Position | { direction: 'older' },
  limit: number,
): Promise<DecisionRow[]> {
  const { conditions, parameters } = matching(filter, position)
  const from = [scope.records, ...conditions].join('\n    AND ')
  const [order, edge, reaches] = position.direction === 'older' ? ['DESC', 'min', '>='] : ['ASC', 'max', '<=']
  // How far the page reaches is asked first, of the time column alone: the table's order answers that from a
  // few granules, and the other columns are then read there only. FINAL or LIMIT BY would read everything.
  // UUIDToNum: ClickHouse compares a UUID's second half first, everybody else from the left.
  return scope.select<DecisionRow>(
    `SELECT ${DECISION_COLUMNS}
  ${from}
    AND time ${reaches} (SELECT ${edge}(time) FROM (
      SELECT time ${from}
      ORDER BY time ${order} LIMIT {limit:UInt32}))
  ORDER BY time ${order}, UUIDToNum(id) ${order}
  LIMIT {limit:UInt32}`,
    { ...parameters, limit },
  )
}

/** One decision by its id. */
export async function selectDecision(scope: Scope, id: string): Promise<DecisionRow | undefined> {
  const [row] = await scope.select<DecisionRow>(
    `SELECT ${DECISION_COLUMNS} ${scope.records} AND id = {id:UUID} LIMIT 1`,
    { id },
  )
  return row
}

/** What came of these decisions, by id. */
export async function selectOutcomes(
  scope: Scope,
  decisions: DecisionRow[],
): Promise<Map<string, OutcomeRow>> {
  const found = await Promise.all(
    chunksOf(decisions, IDS_IN_ONE_QUERY).map((chunk) => outcomesOf(scope, chunk)),
  )
  return new Map(found.flat().map((row) => [row.id, row]))
}

function outcomesOf(scope: Scope, decisions: DecisionRow[]): Promise<OutcomeRow[]> {
  const times = decisions.map((row) => row.time).sort()
  // Organisation, project and time narrow it to the same ranges of the key as the decisions'.
  return scope.select<OutcomeRow>(
    `SELECT ${OUTCOME_COLUMNS} ${scope.results} AND project_id IN {projects:Array(UUID)}
    AND time >= ${timeParameter('first')} AND time <= ${timeParameter('last')}
    AND id IN {ids:Array(UUID)}`,
    {
      projects: [...new Set(decisions.map((row) => row.project_id))],
      first: times.at(0),
      last: times.at(-1),
      ids: decisions.map((row) => row.id),
    },
  )
}

/** Which of these are ids of decisions of ours in the same project. */
export async function selectNamedDecisions(
  scope: Scope,
  named: { project_id: string; decision_id: string }[],
): Promise<Set<string>> {
  const found = await Promise.all(
    chunksOf(named, IDS_IN_ONE_QUERY).map((chunk) =>
      scope.select<{ project_id: string; id: string }>(
        `SELECT project_id, id ${scope.records} AND kind = 'decision'
    AND project_id IN {projects:Array(UUID)} AND id IN {ids:Array(UUID)}`,
        {
          projects: [...new Set(chunk.map((each) => each.project_id))],
          ids: chunk.map((each) => each.decision_id),
        },
      ),
    ),
  )
  return new Set(found.flat().map(({ project_id, id }) => namedKey(project_id, id)))
}

/** An id means a decision in its own project only. */
export const namedKey = (projectId: string, decisionId: string) => `${projectId}/${decisionId}`

/** Parameters travel in the address of a request, which servers bound. */
export const IDS_IN_ONE_QUERY = 200

export function chunksOf<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  )
}

export type Conditions = { conditions: string[]; parameters: Record<string, unknown> }

/** What the filters look for, as conditions of a statement with their parameters. */
export function matching(
  filter: AuditFilter,
  position: Position | { direction: 'older' } = { direction: 'older' },
): Conditions {
  const conditions: string[] = []
  const parameters: Record<string, unknown> = {}
  const add = (condition: string, values: Record<string, unknown>) => {
    conditions.push(condition)
    Object.assign(parameters, values)
  }
  if (filter.project_id !== undefined) add('project_id = {project:UUID}', { project: filter.project_id })
  if (filter.from !== undefined) add(`time >= ${timeParameter('from')}`, { from: timeValue(filter.from) })
  if (filter.to !== undefined) add(`time < ${timeParameter('to')}`, { to: timeValue(filter.to) })
  if (filter.decision !== undefined) add('decision = {decision:String}', { decision: filter.decision })
  if (filter.tool !== undefined) add('tool LIKE {tool:String}', { tool: likePattern(filter.tool) })
  if (filter.rule !== undefined) add('rule LIKE {rule:String}', { rule: likePattern(filter.rule) })
  if (filter.agent !== undefined) add('agent = {agent:String}', { agent: filter.agent })
  if (filter.q !== undefined && filter.q !== '')
    add(CONTAINS, { q: filter.q, q_json: JSON.stringify(filter.q).slice(1, -1) })
  if ('id' in position) {
    const beyond = position.direction === 'older' ? '<' : '>'
    const at = timeParameter('at')
    add(
      `time ${beyond}= ${at} AND (time ${beyond} ${at} OR UUIDToNum(id) ${beyond} UUIDToNum({after:UUID}))`,
      { at: clickhouseTime(position.timeMs), after: position.id },
    )
  }
  return { conditions, parameters }
}

/** Within JSON a quote or a line's end is written with a backslash, so there the text is looked for as JSON has it. */
const CONTAINS = `(${[
  ...['tool', 'reason', 'rule', "ifNull(agent, '')"].map((column) => [column, 'q']),
  ...["ifNull(arguments, '')", "ifNull(facts, '')"].map((column) => [column, 'q_json']),
]
  .map(([column, name]) => `positionCaseInsensitiveUTF8(${column}, {${name}:String}) > 0`)
  .join(' OR ')})`

const timeParameter = (name: string) => `{${name}:DateTime64(3, 'UTC')}`

/** Within what the column can hold: earlier or later finds the same. */
function timeValue(time: string): string {
  return clickhouseTime(Math.min(Math.max(Date.parse(time), 0), Date.UTC(2299, 11, 31)))
}

/** A glob, in which only `*` is special, as a pattern of LIKE, in which three others are. */
export function likePattern(glob: string): string {
  return glob.replace(/[\\%_]/g, '\\$&').replace(/\*+/g, '%')
}

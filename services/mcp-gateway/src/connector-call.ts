// Runs a decided call of a built-in connector, within what was decided.
import { AppError } from '@mcpshield/contracts/errors'
import { factsKnown } from '@mcpshield/pdp/forwarding'
import type { Verdict } from '@mcpshield/pdp/verdict'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { KeyedHash } from '@mcpshield/redact/marker'
import { elsewhere, type Exchange } from './client.ts'
import type { Answer, Grant } from './connectors/connector.ts'
import type { Connectors } from './connectors/connectors.ts'
import { checkedArgs, type ConnectorToolName } from './connectors/tools.ts'
import { redactConnectorAnswer } from './redaction.ts'
import type { Ran } from './decided.ts'

const DEFAULT_MAX_ROWS = 1_000
const DEFAULT_MAX_BYTES = 1024 * 1024
const DEFAULT_STATEMENT_TIMEOUT_MS = 30_000

type ConnectorCall = {
  tool: ConnectorToolName
  arguments: JsonObject
  verdict: Verdict
  keyedHash: KeyedHash
  exchange: Pick<Exchange, 'signal' | 'took'>
}

export async function runConnector(connectors: Connectors, call: ConnectorCall): Promise<Ran> {
  const { tool, arguments: args, verdict } = call
  const { facts, owes: obligations } = verdict
  if (facts === null || !factsKnown(facts)) {
    throw new AppError('PERMISSION_DENIED', 'Not run: what this call touches could not be told.')
  }
  const given = checkedArgs(tool, args)
  const grant: Grant = {
    accesses: facts.accesses,
    paths: facts.paths,
    urls: facts.urls,
    readOnly: verdict.readOnly,
    maxRows: obligations.max_rows ?? DEFAULT_MAX_ROWS,
    maxBytes: obligations.max_bytes ?? DEFAULT_MAX_BYTES,
    timeoutMs: obligations.timeout_ms ?? DEFAULT_STATEMENT_TIMEOUT_MS,
    signal: call.exchange.signal,
    needsSources: obligations.redact.some((each) => 'fields' in each),
    redacts: obligations.redact.length > 0,
    // A condition on the argument is about what is touched, whoever named it.
    alsoAllows: (touched) =>
      verdict.alsoAllows({ ...touched, arguments: { ...args, ...argumentOf(touched) } }),
    namesHost: (url) => verdict.namesHost(url),
  }
  const answer = await elsewhere(call.exchange, 'connector', () =>
    connectors.choose(tool, args).run(tool, given, grant),
  )
  const redacted = redactConnectorAnswer(answer, obligations.redact, call.keyedHash)
  return {
    answer: { result: connectorResult(redacted.answer) },
    outcome: answer.cut ? 'cut' : 'ok',
    rows: answer.rows,
    redactions: redacted.count,
  }
}

/** The argument by which a call would have named this itself. */
function argumentOf(touched: Parameters<Grant['alsoAllows']>[0]): JsonObject {
  if ('paths' in touched) return { path: touched.paths[0] ?? '' }
  return { url: touched.urls[0]?.href ?? '' }
}

const CUT_NOTE = 'There is more; a limit cut the result here.'

function connectorResult({ data, about, shown, cut }: Answer): JsonObject {
  const content = { ...about, ...data, ...(cut ? { cut: true, note: CUT_NOTE } : {}) }
  const text = shown === undefined ? undefined : data[shown]
  const texts = typeof text === 'string' ? [text, ...(cut ? [CUT_NOTE] : [])] : [JSON.stringify(content)]
  return {
    content: texts.map((each) => ({ type: 'text', text: each })),
    structuredContent: content,
    isError: false,
  }
}

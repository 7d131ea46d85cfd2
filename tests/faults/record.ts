// What is in the record, read from ClickHouse itself: the API would have to be asked page by page, and may be what is broken.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from './load.ts'

type Word = 'allow' | 'deny' | 'ask'
/** By a call's text: what was decided, and how many records say so. */
export type Recorded = Map<string, { decision: Word; records: number }>

/** Decisions by the text in their calls' arguments. */
export async function readRecord(
  clickhouseUrl: string,
  projectId: string,
  prefix: string,
): Promise<Recorded> {
  const query = `SELECT DISTINCT id, decision, arguments FROM mcpshield.audit_records
    WHERE project_id = '${projectId}' AND kind = 'decision' AND position(arguments, '${prefix}') > 0
    FORMAT JSONEachRow`
  const body = await askClickhouse(clickhouseUrl, query)
  const recorded: Recorded = new Map()
  for (const line of body.split('\n')) {
    if (line === '') continue
    const row = JSON.parse(line) as { decision: Word; arguments: string }
    for (const text of textsIn(row.arguments, prefix))
      recorded.set(text, { decision: row.decision, records: (recorded.get(text)?.records ?? 0) + 1 })
  }
  return recorded
}

/** One statement, and what is answered to it as text. */
export async function askClickhouse(clickhouseUrl: string, statement: string): Promise<string> {
  const { origin, username, password } = new URL(clickhouseUrl)
  const response = await fetch(`${origin}/?wait_end_of_query=1`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${username}:${decodeURIComponent(password)}`)}` },
    body: statement,
    signal: AbortSignal.timeout(30_000),
  })
  const body = await response.text()
  if (!response.ok) throw new Error(`ClickHouse answered ${response.status}: ${body.slice(0, 300)}`)
  return body
}

/** The texts of a load's calls in something that holds them; those of clients that a fault brought along bear an s. */
export function textsIn(whole: string, prefix: string): string[] {
  return [...whole.matchAll(new RegExp(`${prefix}s?x\\d+x\\d+x`, 'g'))].map(([text]) => text)
}

export type Account = {
  /** Told to a client, or done at an upstream, without its record. */
  lost: string[]
  /** Told or done against the policy, or recorded as something else than was told, or more than once. */
  wrong: string[]
}

/** What clients were told and what reached the upstream, beside the record. */
export function balance(
  ledger: Ledger,
  reached: ReadonlySet<string>,
  denied: (text: string) => boolean,
  recorded: Recorded,
): Account {
  const lost: string[] = []
  const wrong = [...ledger.wrong]
  for (const [text, word] of ledger.told) {
    const decision = recorded.get(text)?.decision
    if (decision === undefined) lost.push(`${text} was ${word}`)
    else if ((decision === 'allow') !== (word === 'allowed'))
      wrong.push(`${text} was ${word}, recorded: ${decision}`)
  }
  for (const text of reached) {
    if (denied(text)) wrong.push(`${text} is denied, and reached the upstream`)
    if (!recorded.has(text)) lost.push(`${text} reached the upstream`)
  }
  for (const [text, { records }] of recorded) if (records > 1) wrong.push(`${text} has ${records} records`)
  return { lost, wrong }
}

/** Reads the record until nothing is lost, or for so long: then what is lost is lost. */
export async function settledBalance(
  read: () => Promise<Recorded>,
  account: (recorded: Recorded) => Account,
  withinMs: number,
): Promise<Account> {
  const untilMs = performance.now() + withinMs
  for (;;) {
    const isOver = performance.now() > untilMs
    // A store that cannot be read yet is asked again; in the end that is what is wrong.
    const recorded = await read().catch((error: unknown) => {
      if (isOver) throw error
      return new Map() as Recorded
    })
    const found = account(recorded)
    if (found.lost.length === 0 || isOver) return found
    await sleep(300)
  }
}

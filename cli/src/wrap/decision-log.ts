// `--log FILE`: one JSON line for each decision, written before anything of the call goes on.
import { closeSync, openSync, writeSync } from 'node:fs'
import type { Facts, JsonValue } from '@mcpshield/policy/facts'
import { redactText } from '@mcpshield/redact/redact-text'
import { redactValue } from '@mcpshield/redact/redact-value'
import { DEFAULT_REDACTIONS } from '@mcpshield/redact/redactions'
import { CommandError } from '../world.ts'
import type { Verdict } from './answers.ts'

export type LoggedCall = {
  time: string
  method: string
  facts: Facts
  agent: string | null
  verdict: Verdict
}

export type DecisionLog = Disposable & {
  /** Throws when the line cannot be written: a call that leaves no trace must not run. */
  record(call: LoggedCall): void
}

/** Opens the log, to be read by its owner only; without a file nothing is kept. */
export function decisionLog(file: string | undefined): DecisionLog {
  if (file === undefined) return { record: () => undefined, [Symbol.dispose]: () => undefined }
  let descriptor: number
  try {
    descriptor = openSync(file, 'a', 0o600)
  } catch (error) {
    throw new CommandError(`${file} cannot be written: ${(error as Error).message}`)
  }
  return {
    record(call) {
      const line = Buffer.from(`${JSON.stringify(entry(call))}\n`)
      for (let from = 0; from < line.length;) from += writeSync(descriptor, line, from)
    },
    [Symbol.dispose]: () => closeSync(descriptor),
  }
}

/** The fields of the audit's records that there are here, by their names. */
function entry({ time, method, facts, agent, verdict }: LoggedCall): object {
  const { paths, urls, accesses, guessed } = facts
  return {
    id: verdict.id,
    time,
    method,
    tool: text(facts.tool),
    arguments: value(facts.arguments),
    facts: value({ paths, urls, accesses, ...(guessed ? { guessed } : {}) }),
    decision: verdict.decision.decision,
    rule: verdict.decision.rule,
    // A reason tells the call's own fact, which may be what the arguments hid.
    reason: text(verdict.decision.reason),
    agent: agent === null ? null : text(agent),
  }
}

const noHash = () => ''

function text(told: string): string {
  return redactText(told, DEFAULT_REDACTIONS, noHash).text
}

function value(told: unknown): JsonValue {
  return redactValue(told, DEFAULT_REDACTIONS, { keyedHash: noHash }).value as JsonValue
}

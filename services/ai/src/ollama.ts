// The model behind Ollama's API, by its own client: streamed, with a deadline, bounded, and stopped when nobody waits.
import { Ollama } from 'ollama'
import { boundedFetch } from './bounded-fetch.ts'
import {
  ModelFailure,
  type Model,
  type ModelAnswer,
  type ModelQuestion,
  type ModelStanding,
} from './model.ts'
import { outputTokens } from './room.ts'

export type OllamaOptions = {
  url: string
  model: string
  /** Of one answer. */
  timeoutMs: number
  contextTokens: number
}

const LOOK_WITHIN_MS = 2_000
const STANDING_HOLDS_MS = 5_000
const MAX_TEXT_UNITS = 64 * 1024

export function ollamaModel(options: OllamaOptions): Model {
  let known: { standing: Promise<ModelStanding>; untilMs: number } | undefined
  return {
    name: options.model,
    contextTokens: options.contextTokens,
    standing() {
      if (known === undefined || performance.now() > known.untilMs) {
        known = { standing: look(options), untilMs: performance.now() + STANDING_HOLDS_MS }
      }
      return known.standing
    },
    async ask(question) {
      const late = AbortSignal.timeout(options.timeoutMs)
      try {
        return await chat(options, question, AbortSignal.any([late, question.signal]))
      } catch (thrown) {
        throw failureOf(thrown, { late, stopped: question.signal })
      }
    },
  }
}

async function look({ url, model }: OllamaOptions): Promise<ModelStanding> {
  try {
    const client = new Ollama({ host: url, fetch: boundedFetch(AbortSignal.timeout(LOOK_WITHIN_MS)) })
    const { models } = await client.list()
    if (Array.isArray(models) && models.some(({ name }) => isModel(name, model)))
      return { state: 'ready', detail: null }
    return {
      state: 'missing',
      detail: `The Ollama server does not have the model ${model}: run \`ollama pull ${model}\` there.`,
    }
  } catch {
    return {
      state: 'unreachable',
      detail: 'The Ollama server at OLLAMA_URL does not answer: start it, or correct the address.',
    }
  }
}

/** A name without a tag is that of `latest`. */
function isModel(name: unknown, wanted: string): boolean {
  return name === wanted || (!wanted.includes(':') && name === `${wanted}:latest`)
}

async function chat(
  { url, model, contextTokens }: OllamaOptions,
  { messages, format, onText }: ModelQuestion,
  signal: AbortSignal,
): Promise<ModelAnswer> {
  const client = new Ollama({ host: url, fetch: boundedFetch(signal) })
  const parts = await client.chat({
    model,
    messages,
    stream: true,
    ...(format === undefined ? {} : { format }),
    options: { temperature: 0, num_ctx: contextTokens, num_predict: outputTokens(contextTokens) },
  })
  let text = ''
  for await (const part of parts) {
    signal.throwIfAborted()
    // Calls of tools that it would like to make are not read: it has none.
    const piece: unknown = part.message?.content
    if (typeof piece === 'string' && piece !== '') {
      text += piece
      if (text.length > MAX_TEXT_UNITS) throw new ModelFailure('too_long')
      onText?.(piece)
    }
    if (part.done)
      return {
        text,
        input_tokens: countOf(part.prompt_eval_count),
        output_tokens: countOf(part.eval_count),
        whole: part.done_reason !== 'length',
      }
  }
  throw new ModelFailure('cut')
}

/** What a server says of itself is believed within reason. */
function countOf(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? Math.min(value as number, 10_000_000) : 0
}

function failureOf(thrown: unknown, signals: { late: AbortSignal; stopped: AbortSignal }): ModelFailure {
  if (thrown instanceof ModelFailure) return thrown
  if (signals.stopped.aborted) return new ModelFailure('stopped', thrown)
  if (signals.late.aborted) return new ModelFailure('late', thrown)
  const { status_code: status, message = '' } = thrown as { status_code?: number; message?: string }
  if (status === 404) return new ModelFailure('missing', thrown)
  if (status !== undefined) return new ModelFailure('refused', thrown)
  if (/^Did not receive done/.test(message)) return new ModelFailure('cut', thrown)
  // A connection that broke in the middle, and one that never was, look alike but for their words.
  if (thrown instanceof TypeError)
    return new ModelFailure(/terminated|closed/.test(message) ? 'cut' : 'unreachable', thrown)
  return new ModelFailure('refused', thrown)
}

// The language model, as the rest of the service sees it: asked with messages, it answers with text, or fails in one of the
// ways it fails. What it says is never more than a proposal.
import type { ErrorCode } from '@mcpshield/contracts/errors'

export type ModelMessage = { role: 'system' | 'user' | 'assistant'; content: string }

export type ModelQuestion = {
  messages: ModelMessage[]
  /** The JSON Schema that the answer is to fit; prose when absent. */
  format?: object
  signal: AbortSignal
  /** Told each piece as it comes. */
  onText?(piece: string): void
}

/** `whole`: the model came to its end; else it ran out of room. */
export type ModelAnswer = { text: string; input_tokens: number; output_tokens: number; whole: boolean }

/** `unset`: no address is given; `missing`: the server does not have the model. */
export type ModelStanding = { state: 'ready' | 'unset' | 'unreachable' | 'missing'; detail: string | null }

export type Model = {
  name: string
  /** What it is given to read and write in. */
  contextTokens: number
  /** As of now, or a few seconds ago; never rejects. */
  standing(): Promise<ModelStanding>
  /** Rejects with a ModelFailure. */
  ask(question: ModelQuestion): Promise<ModelAnswer>
}

export type FailureKind =
  'unreachable' | 'missing' | 'refused' | 'late' | 'cut' | 'nonsense' | 'too_long' | 'stopped'

const WORDS: Record<FailureKind, { code: ErrorCode; message: string }> = {
  unreachable: { code: 'UNAVAILABLE', message: 'The model cannot be reached.' },
  missing: {
    code: 'UNAVAILABLE',
    message: 'The model is not there: it has to be pulled on its server first.',
  },
  refused: { code: 'UNAVAILABLE', message: 'The model’s server failed.' },
  late: { code: 'DEADLINE_EXCEEDED', message: 'The model did not come to an end in time.' },
  cut: { code: 'UNAVAILABLE', message: 'The model’s answer was cut off.' },
  nonsense: { code: 'UNAVAILABLE', message: 'The model’s server said what no such server says.' },
  too_long: { code: 'UNAVAILABLE', message: 'The model said more than is taken of it.' },
  stopped: { code: 'UNAVAILABLE', message: 'The answer was stopped.' },
}

export class ModelFailure extends Error {
  override readonly name = 'ModelFailure'
  readonly kind: FailureKind
  readonly code: ErrorCode

  constructor(kind: FailureKind, cause?: unknown) {
    super(WORDS[kind].message, cause === undefined ? {} : { cause })
    this.kind = kind
    this.code = WORDS[kind].code
  }
}

/** Where no server is given. */
export function noModel(name: string): Model {
  const detail =
    'No address of an Ollama server is given (OLLAMA_URL), so the built-in templates answer. Start Ollama, pull the model, and give its address.'
  return {
    name,
    contextTokens: 0,
    standing: async () => ({ state: 'unset', detail }),
    ask: async () => {
      throw new ModelFailure('unreachable')
    },
  }
}

// The two answers about a call while it is typed: the gateway's, by the API, and the trace, by the engine here.
import type { Context, Facts } from '@mcpshield/policy/facts'
import type { Decision } from '#lib/editor/checked.ts'
import type { TrialAnswer, TrialCall } from './trial.ts'

const PAUSE_MS = 400

export type Gateway = TrialAnswer | { problem: string }
export type Asked = {
  text: string
  above: string | undefined
  call: TrialCall
  facts: Facts
  context: Context
}

export class Answers {
  gateway = $state.raw<Gateway>()
  traced = $state.raw<{ decision: Decision } | { problem: string }>()
  isWaiting = $state(false)
  #turn = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #lastCall = ''
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  ask(asked: Asked): void {
    const turn = ++this.#turn
    clearTimeout(this.#timer)
    this.isWaiting = true
    this.#timer = setTimeout(() => void this.#answer(asked, turn), PAUSE_MS)
  }

  /** Nothing can be asked as it is. */
  clear(): void {
    this.#turn++
    clearTimeout(this.#timer)
    this.gateway = undefined
    this.traced = undefined
    this.isWaiting = false
    this.#lastCall = ''
  }

  async #answer({ text, above, call, facts, context }: Asked, turn: number): Promise<void> {
    const { ask } = await import('#lib/editor/engine.ts')
    const body = JSON.stringify({ policy_yaml: text, call })
    const isSame = body === this.#lastCall && this.gateway !== undefined
    const [traced, gateway] = await Promise.all([
      ask('decide', { text, above, facts, context }).catch(() => ({ problem: CANNOT_TRACE })),
      isSame ? this.gateway : this.#send(body),
    ])
    if (turn !== this.#turn) return
    this.#lastCall = body
    this.traced = traced
    this.gateway = gateway
    this.isWaiting = false
  }

  async #send(body: string): Promise<Gateway> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      const said = (await response.json()) as Partial<TrialAnswer> & { problem?: string; message?: string }
      return 'decision' in said ? (said as TrialAnswer) : { problem: said.problem ?? said.message ?? CANNOT }
    } catch {
      return { problem: CANNOT }
    }
  }
}

const CANNOT = 'The server does not answer.'
const CANNOT_TRACE = 'The policy engine could not be loaded.'

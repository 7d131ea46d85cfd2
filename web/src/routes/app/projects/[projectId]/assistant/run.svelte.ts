// One question to the assistant and what comes of it, event by event.
import type { AiEvent, AiJob, Draft, Finding } from '@mcpshield/contracts/ai'
import { serverEvents } from './server-events.ts'

export type Asked = {
  job: AiJob
  /** As the person sees it. */
  prompt: string
  /** As the API takes it. */
  body: Record<string, unknown>
}
type Of<Type extends AiEvent['type']> = Extract<AiEvent, { type: Type }>
type Problem = { message: string; isUsedUp: boolean }
type State = 'running' | 'completed' | 'failed' | 'stopped' | 'cut off'

/** A stream that breaks is gone on with, where it was left, this often. */
const MOST_TRIES = 4
const AGAIN_AFTER_MS = 1_000

export class Run {
  readonly asked: Asked
  readonly #path: string
  readonly #stopped = new AbortController()
  state = $state<State>('running')
  begun = $state.raw<Of<'conversation'>>()
  step = $state.raw<Of<'step'>>()
  text = $state('')
  /** Who wrote the text. */
  textBy = $state<Of<'text'>['source']>()
  draft = $state.raw<Draft>()
  findings = $state.raw<readonly Finding[]>([])
  usage = $state.raw<Of<'usage'>>()
  problem = $state.raw<Problem>()

  constructor(path: string, asked: Asked) {
    this.#path = path
    this.asked = asked
  }

  /** Answers when it is over. */
  async read(): Promise<void> {
    let cursor: string | undefined
    for (let tries = 0; this.state === 'running' && tries < MOST_TRIES; tries++) {
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS * tries))
      const seen = await this.#readFrom(cursor).catch(() => undefined)
      // Who could not even begin has nothing to go on with.
      if (cursor === undefined && seen === undefined) break
      cursor = seen ?? cursor
    }
    if (this.state === 'running') this.state = 'cut off'
  }

  stop(): void {
    if (this.state !== 'running') return
    this.state = 'stopped'
    this.#stopped.abort()
  }

  /** The id of the last event; undefined where there was none. */
  async #readFrom(cursor: string | undefined): Promise<string | undefined> {
    const response = await fetch(this.#path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(cursor === undefined ? this.asked.body : { ...this.asked.body, cursor }),
      signal: this.#stopped.signal,
    })
    if (!response.ok || response.redirected || response.body === null) {
      this.#refused(
        response,
        (await response.json().catch(() => ({}))) as { message?: string; type?: string },
      )
      return undefined
    }
    let last = cursor
    try {
      for await (const { id, data } of serverEvents(response.body)) {
        this.#take(JSON.parse(data) as AiEvent)
        last = id ?? last
        if (this.state !== 'running') break
      }
    } catch {
      // Broken on its way: read on from where it broke.
    }
    return last
  }

  #refused(response: Response, { message, type }: { message?: string; type?: string }): void {
    this.state = 'failed'
    this.problem = {
      message: response.redirected
        ? 'Your session has ended: load the page again to sign in.'
        : (message ?? `The assistant did not answer (${response.status}).`),
      isUsedUp: type === 'quota_exceeded',
    }
  }

  #take(event: AiEvent): void {
    switch (event.type) {
      case 'conversation':
        this.begun = event
        break
      case 'step':
        this.step = event
        break
      case 'text':
        this.text += event.delta
        this.textBy = event.source
        break
      case 'draft':
        this.draft = event.draft
        break
      case 'finding':
        this.findings = [...this.findings, event.finding]
        break
      case 'usage':
        this.usage = event
        break
      case 'error':
        this.problem = {
          message: `${event.message}${event.refunded ? ' It does not count.' : ''}`,
          isUsedUp: event.code === 'QUOTA_EXCEEDED',
        }
        break
      case 'done':
        this.state = event.outcome
        break
    }
  }
}

// What the API says of a draft, asked for once typing pauses.
import { page } from '$app/state'
import type { ServerDiagnostic } from '#lib/editor/checked.ts'

/** It runs the policy's tests, which is more work than reading the text. */
const PAUSE_MS = 700

type Answer = { text: string; diagnostics: ServerDiagnostic[] }

export class ServerCheck {
  #answer = $state.raw<Answer>()
  #problem = $state.raw<string>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #asked = ''

  /** Of that very text; undefined while it is not known. */
  of(text: string): ServerDiagnostic[] | undefined {
    return this.#answer?.text === text ? this.#answer.diagnostics : undefined
  }

  /** Why the API could not say. */
  get problem(): string | undefined {
    return this.#problem
  }

  ask(text: string): void {
    if (this.#asked === text) return
    this.#asked = text
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#send(text), PAUSE_MS)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  async #send(text: string): Promise<void> {
    try {
      const response = await fetch(`/app/projects/${page.params['projectId']}/policy/check`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ policy_yaml: text }),
      })
      const said = (await response.json()) as { diagnostics?: ServerDiagnostic[]; message?: string }
      if (this.#asked !== text) return
      this.#problem = said.diagnostics === undefined ? (said.message ?? CANNOT) : undefined
      if (said.diagnostics !== undefined) this.#answer = { text, diagnostics: said.diagnostics }
    } catch {
      if (this.#asked === text) this.#problem = CANNOT
    }
  }
}

const CANNOT = 'The tests cannot be run: the server does not answer.'

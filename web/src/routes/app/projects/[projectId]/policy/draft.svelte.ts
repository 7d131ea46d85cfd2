// The text that a person works on, over all tabs of the policy page: what is in force until something is typed. Kept in
// the browser's tab until it is saved or thrown away.
import { createContext } from 'svelte'

type InForce = { version: number; policy_yaml: string }
const keyOf = (projectId: string) => `policy-draft:${projectId}`

/** For the editor to find, as if it had been typed there: made from that version. */
export function leaveDraft(projectId: string, draft: { text: string; base: number }): void {
  sessionStorage.setItem(keyOf(projectId), JSON.stringify(draft))
}

export const [draftHere, setDraftHere] = createContext<Draft>()

export class Draft {
  readonly #inForce: () => InForce
  readonly #key: string
  #edited = $state.raw<{ text: string; base: number }>()
  /** A draft of an earlier visit that came back. */
  restored = $state(false)

  constructor(projectId: string, inForce: () => InForce) {
    this.#key = keyOf(projectId)
    this.#inForce = inForce
  }

  get text(): string {
    return this.#edited?.text ?? this.#inForce().policy_yaml
  }
  set text(text: string) {
    const base = this.base
    this.#edited = text === this.#inForce().policy_yaml ? undefined : { text, base }
    if (this.#edited === undefined) this.restored = false
  }

  /** The version it was made from: saving it over another one needs a look at what changed. */
  get base(): number {
    return this.#edited?.base ?? this.#inForce().version
  }

  get isChanged(): boolean {
    return this.#edited !== undefined
  }

  /** Somebody saved another version since this one was begun. */
  get isOvertaken(): boolean {
    return this.base !== this.#inForce().version
  }

  discard(): void {
    this.#edited = undefined
    this.restored = false
    this.keep()
  }

  /** What is saved now stands on the version in force. */
  rebase(version: number): void {
    if (this.#edited !== undefined) this.#edited = { ...this.#edited, base: version }
  }

  keep(): void {
    try {
      if (this.#edited === undefined) sessionStorage.removeItem(this.#key)
      else sessionStorage.setItem(this.#key, JSON.stringify(this.#edited))
    } catch {
      // A browser without room or leave to store keeps the draft as long as the page is open.
    }
  }

  restore(): void {
    try {
      const kept: unknown = JSON.parse(sessionStorage.getItem(this.#key) ?? 'null')
      if (!isKept(kept) || kept.text === this.#inForce().policy_yaml) return
      this.#edited = kept
      this.restored = true
    } catch {
      // What cannot be read is no draft.
    }
  }
}

function isKept(kept: unknown): kept is { text: string; base: number } {
  const { text, base } = (kept ?? {}) as Record<string, unknown>
  return typeof text === 'string' && typeof base === 'number'
}

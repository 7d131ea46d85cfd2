// Whether the server can be reached from here: the browser says when it is offline, and what failed on its way says when
// nobody answers. Then it is asked again and again, until somebody does.

type State = 'there' | 'offline' | 'unreachable'

const AGAIN_AFTER_MS = 3_000
const PATIENCE_MS = 5_000
/** Small, without a session, and of the web server itself. */
const ASKED = '/robots.txt'

class Connection {
  state = $state<State>('there')
  #again: ReturnType<typeof setTimeout> | undefined

  get isLost(): boolean {
    return this.state !== 'there'
  }

  /** What is said to who wants something now; undefined when it can be done. */
  get whyNot(): string | undefined {
    return {
      there: undefined,
      offline: 'You are offline.',
      unreachable: 'The server cannot be reached.',
    }[this.state]
  }

  /** Until the function that it returns is called. */
  watch(): () => void {
    const offline = () => this.#set('offline')
    const online = () => void this.isThere()
    if (!navigator.onLine) offline()
    addEventListener('offline', offline)
    addEventListener('online', online)
    return () => {
      clearTimeout(this.#again)
      removeEventListener('offline', offline)
      removeEventListener('online', online)
    }
  }

  /** Asks the server, and keeps asking when nobody answers. */
  async isThere(): Promise<boolean> {
    if (!navigator.onLine) {
      this.#set('offline')
      return false
    }
    const answer = await fetch(ASKED, {
      method: 'HEAD',
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).catch(() => undefined)
    // An answer may be older than the end of the line.
    if (!navigator.onLine) this.#set('offline')
    // A proxy that finds nobody behind it answers so.
    else if (answer === undefined || [502, 503, 504].includes(answer.status)) this.#set('unreachable')
    else this.#set('there')
    return !this.isLost
  }

  #set(state: State): void {
    this.state = state
    clearTimeout(this.#again)
    if (state === 'unreachable') this.#again = setTimeout(() => void this.isThere(), AGAIN_AFTER_MS)
  }
}

/** One for the page. On the server it never changes. */
export const connection = new Connection()

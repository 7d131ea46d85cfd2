// How long the list is and of which moments its places are: by the API's counts, and by the far end once somebody went there.
import type { Counts } from './counts.ts'
import { answerOf, readRows, type RowsPage } from './rows.ts'
import { momentAt, placeAt, timelineOf, type Span, type Timeline } from './timeline.ts'

export class Extent {
  readonly #query: string
  readonly #newestMs: number | undefined
  #spans: readonly Span[] = []
  #last: RowsPage | undefined
  #timeline = $state.raw<Timeline>([])
  /** Calls that the filters found when they were counted. Administrative acts are listed and not counted. */
  calls = $state<number>()

  constructor(query: string, newest: { time: string } | undefined) {
    this.#query = query
    this.#newestMs = newest === undefined ? undefined : Date.parse(newest.time)
  }

  /** Not knowing is no failure: then the list grows as it is read. */
  async count(): Promise<void> {
    const counts = await answerOf<Counts>(`/app/audits/counts${this.#query}`).catch(() => null)
    if (counts === null) return
    this.calls = counts.calls
    this.#spans = counts.spans
    this.#draw()
  }

  /** The page of the oldest rows. */
  async last(): Promise<RowsPage> {
    if (this.#last !== undefined) return this.#last
    const last = await readRows(this.#query, { end: true })
    if (last.rows.length > 0) this.#last = last
    this.#draw()
    return last
  }

  momentAt(place: number, places: number): number | undefined {
    return momentAt(this.#timeline, place, places)
  }

  placeAt(ms: number, places: number): number {
    return placeAt(this.#timeline, ms, places)
  }

  #draw(): void {
    if (this.#newestMs === undefined) return
    const oldest = this.#last?.rows.at(-1)?.time
    const oldestMs = oldest === undefined ? (this.#spans[0]?.fromMs ?? this.#newestMs) : Date.parse(oldest)
    this.#timeline = timelineOf(this.#spans, this.#newestMs, oldestMs)
  }
}

// Which rows of a list with rows of one height are in view, of an element that scrolls.
import { tick } from 'svelte'

/** Drawn beyond what is in view, for who scrolls faster than a frame. */
const OVERSCAN_ROWS = 12

export class ScrollWindow {
  readonly #rowPx: number
  readonly #total: () => number
  #element: HTMLElement | undefined
  #top = $state(0)
  /** Of a tall window, until it is measured. */
  #height = $state(900)

  constructor(rowPx: number, total: () => number) {
    this.#rowPx = rowPx
    this.#total = total
  }

  /** For `{@attach}`. */
  attach = (element: HTMLElement): (() => void) => {
    this.#element = element
    const measure = () => {
      this.#height = element.clientHeight
      this.#top = element.scrollTop
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    element.addEventListener('scroll', measure, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', measure)
    }
  }

  /** Of the rows in view, wholly or in part. */
  get first(): number {
    return Math.max(0, Math.min(Math.floor(this.#top / this.#rowPx), this.#total() - 1))
  }
  get last(): number {
    return Math.max(0, Math.min(Math.floor((this.#top + this.#height) / this.#rowPx), this.#total() - 1))
  }

  /** Those that are drawn. */
  get drawn(): number[] {
    const from = Math.max(0, this.first - OVERSCAN_ROWS)
    const to = Math.min(this.#total() - 1, this.last + OVERSCAN_ROWS)
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at)
  }

  get isAtTop(): boolean {
    return this.#top < this.#rowPx
  }

  /** Scrolls as little as brings the row into view below a head of that height. */
  async reveal(index: number, headPx: number): Promise<void> {
    await tick()
    const element = this.#element
    if (element === undefined) return
    const above = index * this.#rowPx
    const below = above + this.#rowPx + headPx - element.clientHeight
    if (element.scrollTop > above) this.#scrollTo(above)
    else if (element.scrollTop < below) this.#scrollTo(below)
  }

  /** Keeps the same rows in view where their places have changed. */
  async move(rows: number): Promise<void> {
    await tick()
    if (this.#element !== undefined) this.#scrollTo(this.#element.scrollTop + rows * this.#rowPx)
  }

  #scrollTo(top: number): void {
    if (this.#element === undefined) return
    this.#element.scrollTop = top
    this.#top = this.#element.scrollTop
  }
}

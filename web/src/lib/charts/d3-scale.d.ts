// What the charts use of d3-scale, which has no types of its own.
declare module 'd3-scale' {
  type Linear = {
    (value: number): number
    domain(domain: readonly [number, number]): Linear
    range(range: readonly [number, number]): Linear
    nice(count?: number): Linear
    ticks(count?: number): number[]
  }
  type Band<T> = {
    (value: T): number | undefined
    domain(domain: readonly T[]): Band<T>
    range(range: readonly [number, number]): Band<T>
    paddingInner(padding: number): Band<T>
    paddingOuter(padding: number): Band<T>
    bandwidth(): number
    step(): number
  }
  export function scaleLinear(): Linear
  export function scaleBand<T>(): Band<T>
}

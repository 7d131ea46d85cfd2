// Kleene's three-valued logic: unknown is a value of its own, between false and true, and never an exception.
// With this order `and` is the minimum, `or` the maximum.

export const FALSE = 0
export const UNKNOWN = 1
export const TRUE = 2

export type Kleene = typeof FALSE | typeof UNKNOWN | typeof TRUE

export function not(value: Kleene): Kleene {
  return (TRUE - value) as Kleene
}

export function and(a: Kleene, b: Kleene): Kleene {
  return a < b ? a : b
}

export function or(a: Kleene, b: Kleene): Kleene {
  return a > b ? a : b
}

/** True when every item is; of no items, true. */
export function every<Item>(items: readonly Item[], test: (item: Item) => Kleene): Kleene {
  let result: Kleene = TRUE
  for (const item of items) {
    result = and(result, test(item))
    if (result === FALSE) return FALSE
  }
  return result
}

/** True when some item is; of no items, false. */
export function some<Item>(items: readonly Item[], test: (item: Item) => Kleene): Kleene {
  let result: Kleene = FALSE
  for (const item of items) {
    result = or(result, test(item))
    if (result === TRUE) return TRUE
  }
  return result
}

export function known(value: boolean): Kleene {
  return value ? TRUE : FALSE
}

// How many things each caller, and all callers together, may have open at once.

export type Slots = {
  /** A function that gives the place back, or who has no place left. */
  take(caller: string): (() => void) | 'caller' | 'all'
}

export function slots({ perCaller, all }: { perCaller: number; all: number }): Slots {
  const open = new Map<string, number>()
  let total = 0
  return {
    take(caller) {
      const own = open.get(caller) ?? 0
      if (own >= perCaller) return 'caller'
      if (total >= all) return 'all'
      open.set(caller, own + 1)
      total++
      let given = false
      return () => {
        if (given) return
        given = true
        total--
        const left = (open.get(caller) ?? 1) - 1
        if (left === 0) open.delete(caller)
        else open.set(caller, left)
      }
    },
  }
}

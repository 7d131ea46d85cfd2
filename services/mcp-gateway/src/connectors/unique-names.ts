/** A repeated output name gets a number, so that no column hides another. */
export function uniqueNames(names: string[]): string[] {
  const taken = new Set(names)
  const used = new Set<string>()
  return names.map((name) => {
    let free = name
    for (let number = 2; used.has(free); number++) {
      free = taken.has(`${name}_${number}`) ? free : `${name}_${number}`
    }
    used.add(free)
    return free
  })
}

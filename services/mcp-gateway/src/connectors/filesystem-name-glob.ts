/** Whether a file's name matches: `*` is any run of characters, `?` one. Time grows with the product of the lengths. */
export function matchesName(glob: string, name: string): boolean {
  let at = 0
  let star = -1
  let mark = 0
  for (let i = 0; i < name.length;) {
    if (glob[at] === '*') {
      star = at++
      mark = i
    } else if (glob[at] === '?' || glob[at] === name[i]) {
      at++
      i++
    } else if (star >= 0) {
      at = star + 1
      i = ++mark
    } else return false
  }
  while (glob[at] === '*') at++
  return at === glob.length
}

/** The anchors of a page's headings, as GitHub names them, so that links work there and here. */
export function slugger(): (heading: string) => string {
  const used = new Map<string, number>()
  return (heading) => {
    const base = slugOf(heading)
    const times = used.get(base) ?? 0
    used.set(base, times + 1)
    return times === 0 ? base : `${base}-${times}`
  }
}

export function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
}

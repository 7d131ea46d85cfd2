// The other ways in which a server may read the URI of a resource. Most parse it as a URL before they look it up, and
// some decode it: FILE:///a, file://localhost/a and file:///%61 are one file to them.

/** As often as a URI may be decoded on its way to what it names. */
const MAX_DECODINGS = 3
const MAX_READINGS = 8

/** Canonical names (`upstream/<uri>`) of what else a canonical name can mean; none for a name that is no URL. */
export function otherReadings(tool: string): string[] {
  const slash = tool.indexOf('/')
  const [upstream, uri] = [tool.slice(0, slash), tool.slice(slash + 1)]
  const first = URL.parse(uri)
  if (slash < 0 || first === null) return []
  const found = new Set<string>()
  let read = first.href
  for (let decodings = 0; ; decodings++) {
    for (const each of spellingsOf(read)) found.add(each)
    const next = decodings === MAX_DECODINGS ? read : decoded(read)
    if (next === read) break
    read = next
  }
  found.delete(uri)
  return [...found].slice(0, MAX_READINGS).map((each) => `${upstream}/${each}`)
}

/** A text that was decoded, as it is and as a URL again; of a file, also without what is no part of its path. */
function spellingsOf(text: string): string[] {
  const url = URL.parse(text)
  if (url === null) return [text]
  const { href, protocol } = url
  // Paths of files: an empty step is none.
  const path = protocol === 'file:' ? `file://${url.host}${url.pathname.replace(/\/{2,}/g, '/')}` : href
  return [text, href, path]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not UTF-8: no more than its ASCII is read in one way.
    return text.replace(/%[2-7][0-9a-f]/gi, (code) => decodeURIComponent(code))
  }
}

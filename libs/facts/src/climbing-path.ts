// Paths of URLs and URIs that some server may read as another one, further up.

/** As often as a path may be decoded on its way to a file. */
const MAX_DECODINGS = 3
/** What ends a name for one reader or another before its end. */
const DOTS = /^\.\.?([;?#\0]|$)/

/**
 * Whether a path has a `.` or `..` for any reader. Servers decode once more, take \ for /, cut a name at ; before they
 * read `..`, and parse what they decoded as a URL again, which drops tabs and line ends.
 */
export function climbs(path: string): boolean {
  let read = path.trim()
  for (let decodings = 0; ; decodings++) {
    if (read.split(/[/\\]/).some((name) => DOTS.test(name.replace(/[\t\n\r]/g, '')))) return true
    if (decodings === MAX_DECODINGS || !read.includes('%')) return false
    read = decoded(read)
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    // Not UTF-8: what a server makes of it is not known, and only ASCII matters here.
    return path.replace(/%([0-7][0-9a-f])/gi, (_code, digits: string) =>
      String.fromCharCode(parseInt(digits, 16)),
    )
  }
}

import type { Unknown } from '@mcpshield/policy/facts'
import { posix } from 'node:path'

// Linux refuses longer ones; a longer text cannot name a file.
const maxPathBytes = 4_096

/**
 * A path, or a file: URL, as an absolute path without `.` and `..`. Relative paths need a root. What the kernel
 * makes of links is not known here: whoever opens the file checks the object really opened.
 */
export function normalizePath(text: string, root?: string): string | Unknown {
  if (looksLikeUrl(text)) return { unknown: 'the path may be read as a URL' }
  const path = /^file:/i.test(text) ? fromFileUrl(text) : text
  if (typeof path !== 'string') return path
  if (path === '') return { unknown: 'the path is empty' }
  if (path.includes('\0')) return { unknown: 'the path holds a NUL character' }
  if (!path.isWellFormed()) return { unknown: 'the path is not well-formed Unicode' }
  if (path.startsWith('~')) return { unknown: 'whose home ~ means is not known' }
  if (Buffer.byteLength(path) > maxPathBytes) return { unknown: 'the path is longer than a path may be' }
  if (path.startsWith('/')) return withoutEnd(posix.normalize(path))
  if (root === undefined || !root.startsWith('/'))
    return { unknown: 'the path is relative, and to what is not known' }
  return withoutEnd(posix.join(root, path))
}

/** A URL of another scheme, or a file: URL to those who drop spaces and line ends before they read one. */
function looksLikeUrl(text: string): boolean {
  const read = text.replace(/[\t\n\r]/g, '').replace(/^[\0-\x20]+/, '')
  if (/^file:/i.test(read)) return !/^file:/i.test(text)
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(read)
}

/** A directory is the same directory with and without its last slash. */
function withoutEnd(path: string): string {
  // Two slashes at the start are one, on every system this runs on.
  const single = path.replace(/^\/+/, '/')
  return single.length > 1 && single.endsWith('/') ? single.slice(0, -1) : single
}

function fromFileUrl(text: string): string | Unknown {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return { unknown: 'the file: URL is not valid' }
  }
  if (url.host !== '' && url.host !== 'localhost') return { unknown: 'the file: URL names another machine' }
  // An encoded slash is one to some readers and part of a name to others.
  if (/%2f/i.test(url.pathname)) return { unknown: 'the file: URL holds an encoded slash' }
  try {
    return decodeURIComponent(url.pathname)
  } catch {
    return { unknown: 'the file: URL is not valid UTF-8' }
  }
}

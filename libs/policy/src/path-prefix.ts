// Whether a path lies inside a folder, on a boundary between its segments.
import { FALSE, TRUE, UNKNOWN } from './kleene.ts'
import type { Kleene } from './kleene.ts'

/** The folder without its last slash (`''` is the root), or what is wrong with it. */
export function readPathPrefix(text: string): { prefix: string } | { problem: string; fix?: string } {
  if (!text.startsWith('/')) {
    const fix = /^[\w-]/.test(text) && !text.includes(':') ? `write /${text.slice(0, 100)}` : undefined
    const problem = 'must be an absolute path, starting with /'
    return { problem, ...(fix === undefined ? {} : { fix }) }
  }
  if (text.includes('\0')) return { problem: 'must not contain NUL' }
  const segments = text.split('/').filter((segment) => segment !== '')
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    return { problem: 'must not contain . or .. segments' }
  }
  return { prefix: segments.map((segment) => `/${segment}`).join('') }
}

export function insideAny(prefixes: readonly string[]): (path: unknown) => Kleene {
  return (path) => {
    if (!isResolvedPath(path)) return UNKNOWN
    for (const prefix of prefixes) if (isInside(path, prefix)) return TRUE
    return FALSE
  }
}

/** An absolute path with nothing left to resolve; anything else is not known to lie anywhere. */
export function isResolvedPath(path: unknown): path is string {
  if (typeof path !== 'string' || !path.startsWith('/') || path.includes('\0')) return false
  return !path.includes('/.') || !/\/\.\.?(\/|$)/.test(path)
}

function isInside(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')
}

/** The folder's path and those of all folders around it, innermost first, as `readPathPrefix` writes them. */
export function foldersOf(path: string): string[] {
  const folders: string[] = []
  for (let end = path.length; end !== -1; end = end === 0 ? -1 : path.lastIndexOf('/', end - 1)) {
    folders.push(path.slice(0, end))
  }
  return folders
}

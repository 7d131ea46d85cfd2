// Reading a page's data anew, not because a person asked for it: where the server cannot be reached the page stays.
import { invalidate, invalidateAll } from '$app/navigation'
import { connection } from './connection.svelte.ts'

/** `dependency`: what depends on that; everything when absent. */
export async function refresh(dependency?: string): Promise<void> {
  if (connection.isLost || !(await connection.isThere())) return
  await (dependency === undefined ? invalidateAll() : invalidate(dependency))
}

// A unique value that somebody else has. The database's own error shows the value: it goes no further than here.
import { UniqueConstraintViolationException } from '@mikro-orm/core'

/** What `work` returns, or what `instead` makes of it when a value is taken already. */
export async function whenTaken<T>(work: () => Promise<T>, instead: () => T): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof UniqueConstraintViolationException) return instead()
    throw error
  }
}

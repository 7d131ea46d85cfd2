import type { DataDir } from './data-dir.ts'
import type { Supervised } from './process.ts'

/** What every local store is started with. */
export interface StoreOptions {
  dataDir: DataDir
  /** Where fetched programs are kept; below the data folder where not given. */
  programsDir?: string
  env: NodeJS.ProcessEnv
  /** Told, in one line each, what a person waiting would want to know. */
  progress: (line: string) => void
}

/** A running local store. */
export interface Store extends Supervised {
  readonly url: string
  /** Where the program came from. */
  readonly source: string
}

/** A store from a supervised process; the getters of the process stay live. */
export function asStore(process: Supervised, url: string, source: string): Store {
  return {
    url,
    source,
    get pid() {
      return process.pid
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  }
}

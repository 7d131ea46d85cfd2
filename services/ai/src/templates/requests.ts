// The requests that are answered without a model: each recognises its own in a sentence and proposes the rules for it, or nothing.
import { askBeforeWrites, blockDeletes, denyData, denyWrites, readOnly } from './data-requests.ts'
import { businessHours, hideColumns, limitRate } from './owed-requests.ts'
import { allowFolder, allowHost } from './place-requests.ts'
import type { Request } from './words.ts'

/** Those that change what is there come last: they then find what the others propose. */
export const REQUESTS: readonly Request[] = [
  readOnly,
  denyData,
  denyWrites,
  blockDeletes,
  askBeforeWrites,
  allowFolder,
  allowHost,
  hideColumns,
  limitRate,
  businessHours,
]

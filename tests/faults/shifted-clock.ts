// Loaded before a service: its wall clock is off by as many milliseconds as a file says, and jumps when that changes. What is
// measured by performance.now() does not, as on a machine whose clock is set.
import { readFileSync } from 'node:fs'

const file = process.env.SHIFTED_CLOCK_FILE ?? ''
const LOOK_EVERY_MS = 50
const RealDate = globalThis.Date

let shiftMs = read()
setInterval(() => (shiftMs = read()), LOOK_EVERY_MS).unref()

function read(): number {
  try {
    return Number(readFileSync(file, 'utf8')) || 0
  } catch {
    return 0
  }
}

/** A proxy, so that whatever is asked of Date but the time is Date's own. */
globalThis.Date = new Proxy(RealDate, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [RealDate.now() + shiftMs] : given, newTarget) as object,
  apply: () => new RealDate(RealDate.now() + shiftMs).toString(),
  get: (target, name, receiver) =>
    name === 'now' ? () => RealDate.now() + shiftMs : (Reflect.get(target, name, receiver) as unknown),
})

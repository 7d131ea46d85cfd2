// What processes take, by what the system knows of them (/proc): CPU time and memory.
import { readFileSync } from 'node:fs'

const CLOCK_TICK_MS = 10 // USER_HZ is 100 on Linux.

export type Usage = { cpuMs: number; residentMiB: number }

/** Undefined when it is gone. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return {
      cpuMs: (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS,
      residentMiB: Number(resident ?? 0) / 1_024,
    }
  } catch {
    return undefined
  }
}

export type Pids = Record<string, number | undefined>

export function usageOfAll(pids: Pids): Record<string, Usage> {
  return Object.fromEntries(
    Object.entries(pids).flatMap(([name, pid]) => {
      const usage = pid === undefined ? undefined : usageOf(pid)
      return usage === undefined ? [] : [[name, usage]]
    }),
  )
}

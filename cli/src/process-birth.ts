// When a process began, by the system's word: a process id alone may mean another program by now.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The same for as long as the process runs, and of no other process; undefined when there is none. */
export function processBirth(pid: number): string | undefined {
  try {
    return process.platform === 'linux' ? linuxBirth(pid) : psBirth(pid)
  } catch {
    return undefined
  }
}

function linuxBirth(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in parentheses may hold anything: fields are counted from its end, the state first, the start as the 20th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z') return undefined
  return `${fields[19]}@${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`
}

function psBirth(pid: number): string | undefined {
  return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
}

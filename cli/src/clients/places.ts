// Where programs keep their settings, on each system. Paths are joined as this machine does it, so that another system's
// can be tried in a folder.
import { join } from 'node:path'
import type { Machine } from '../config.ts'
import { CommandError } from '../world.ts'

/** In the user's home. */
export function inHome({ home }: Machine, ...parts: string[]): string {
  if (home === undefined) throw new CommandError('there is no home folder: set HOME (USERPROFILE on Windows)')
  return join(home, ...parts)
}

/** Where applications with a window keep theirs: `~/.config`, `~/Library/Application Support`, `%APPDATA%`. */
export function inApplicationData(machine: Machine, ...parts: string[]): string {
  if (machine.platform === 'darwin') return inHome(machine, 'Library', 'Application Support', ...parts)
  return inConfiguration(machine, ...parts)
}

/** Where programs of a terminal keep theirs: `~/.config` on macOS, too, but `%APPDATA%` on Windows. */
export function inConfiguration(machine: Machine, ...parts: string[]): string {
  const { platform, variables } = machine
  if (platform === 'win32') {
    const { APPDATA } = variables
    return APPDATA === undefined ? inHome(machine, 'AppData', 'Roaming', ...parts) : join(APPDATA, ...parts)
  }
  const { XDG_CONFIG_HOME } = variables
  return XDG_CONFIG_HOME === undefined || platform === 'darwin'
    ? inHome(machine, '.config', ...parts)
    : join(XDG_CONFIG_HOME, ...parts)
}

/** In `%LOCALAPPDATA%`. */
export function inLocalData(machine: Machine, ...parts: string[]): string {
  const { LOCALAPPDATA } = machine.variables
  return LOCALAPPDATA === undefined
    ? inHome(machine, 'AppData', 'Local', ...parts)
    : join(LOCALAPPDATA, ...parts)
}

/** The folder that a variable moves, or the one in the home. */
export function movable(machine: Machine, variable: string, ...parts: string[]): string {
  return machine.variables[variable] ?? inHome(machine, ...parts)
}

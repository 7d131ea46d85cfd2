// What the descriptions of commands share.
import { InvalidArgumentError, Option } from 'commander'

/** Takes the exit code of a command once it is there. */
export type Finish = (code: Promise<number>) => Promise<void>

export function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.')
  return Number(text)
}

export function example(command: string, note?: string): string {
  return `\nExample:\n  ${command}\n${note === undefined ? '' : `\n${note}\n`}`
}

export const apiOption = () => new Option('--api <url>', 'the REST API (or MCPSHIELD_API)')

export const projectOption = () =>
  new Option('--project <project>', 'the project, by its id or its name (or MCPSHIELD_PROJECT)')

/** Names that are separated by commas. */
export function list(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.includes('')) throw new InvalidArgumentError('Names are separated by single commas.')
  return names
}

/** An option that may be given again and again. */
export const gathered = (text: string, before: string[] = []): string[] => [...before, text]

/** A time, as it is or as so long ago: `15m`, `6h`, `2d`. */
export function moment(text: string): string {
  const ago = /^([1-9][0-9]{0,4})([smhd])$/.exec(text)
  if (ago !== null) return new Date(Date.now() - Number(ago[1]) * UNIT_MS[ago[2] as Unit]).toISOString()
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : NaN
  if (Number.isNaN(at))
    throw new InvalidArgumentError('It must be a time like 2026-01-31T12:00:00Z, or 15m, 6h, 2d ago.')
  return new Date(at).toISOString()
}

type Unit = 's' | 'm' | 'h' | 'd'
const UNIT_MS: Record<Unit, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

import { readFileSync, readdirSync } from 'node:fs'

/**
 * A line of spec/: a text in parts, so that no file holds what a scanner would take for a live credential. The marks
 * « and » stand around what must be found; a line without a type must be left alone.
 */
type Line = { name: string; type?: string; parts: string[] }
export type Case = { name: string; text: string; finding?: { type: string; start: number; end: number } }

const folder = new URL('../spec/', import.meta.url)

export const specFiles = readdirSync(folder)

export function readCases(file: string): Case[] {
  return readFileSync(new URL(file, folder), 'utf8')
    .trim()
    .split('\n')
    .map((line) => toCase(JSON.parse(line) as Line))
}

function toCase({ name, type, parts }: Line): Case {
  const text = parts.filter((part) => part !== '«' && part !== '»').join('')
  if (type === undefined) return { name, text }
  const open = parts.indexOf('«')
  const start = parts.slice(0, open).join('').length
  const end = start + parts.slice(open + 1, parts.indexOf('»')).join('').length
  return { name, text, finding: { type, start, end } }
}

// The name of one running gateway among its like: part of the ids of what it sends out, by which answers find it.
import { randomBytes } from 'node:crypto'

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz'
const LENGTH = 12

export function newInstanceId(): string {
  // 36 letters on 256 values: the bias is of no matter, the name is no secret.
  return Array.from(randomBytes(LENGTH), (byte) => LETTERS[byte % LETTERS.length]).join('')
}

const ASKED = /^([0-9a-z]{12})\.([1-9][0-9]{0,14})$/

/** The instance that asked a question with this id; undefined for an id of no form of ours. */
export function askingInstance(id: unknown): string | undefined {
  return typeof id === 'string' ? ASKED.exec(id)?.[1] : undefined
}

/** Where an event belongs: `<instance>_<stream>_<n>`. A stream's name begins with its kind. */
export type EventPlace = { instance: string; stream: string; n: number }

const EVENT = /^([0-9a-z]{12})_([gp][0-9a-z]{1,12})_(0|[1-9][0-9]{0,14})$/

export function eventPlace(id: string): EventPlace | undefined {
  const [, instance, stream, n] = EVENT.exec(id) ?? []
  return instance === undefined || stream === undefined ? undefined : { instance, stream, n: Number(n) }
}

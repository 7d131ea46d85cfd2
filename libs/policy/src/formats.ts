// The `format` words of the `parameters` condition. Every expression here is linear in the length of the value.
import type { FORMATS } from './conditions-schema.ts'
import { readTime } from './time-window.ts'

type Format = (typeof FORMATS)[number]

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const HOSTNAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`)
const EMAIL = /^[^\s@"]{1,64}@([^\s@]{1,255})$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const DATE = /^\d{4}-\d\d-\d\d$/
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

const TESTS: Record<Format, (value: string) => boolean> = {
  email: (value) => isHostname(EMAIL.exec(value)?.[1] ?? ''),
  uri: (value) => /^[A-Za-z][A-Za-z0-9+.-]*:/.test(value) && URL.canParse(value),
  uuid: (value) => UUID.test(value),
  date: (value) => DATE.test(value) && isDate(value),
  'date-time': (value) => readTime(value) !== undefined && isDate(value.slice(0, 10)),
  ipv4: (value) => IPV4.test(value),
  ipv6: (value) =>
    /^[0-9A-Fa-f:.]{2,45}$/.test(value) && value.includes(':') && URL.canParse(`http://[${value}]/`),
  hostname: isHostname,
}

export function formatTest(format: Format): (value: string) => boolean {
  return TESTS[format]
}

function isHostname(value: string): boolean {
  return value.length <= 253 && HOSTNAME.test(value)
}

/** Whether the calendar has that day: 2026-02-30 is none. */
function isDate(text: string): boolean {
  const epochMs = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(epochMs) && new Date(epochMs).toISOString().startsWith(text)
}

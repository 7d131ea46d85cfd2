import { encode } from 'uqr'

export type Qr = { size: number; path: string }

/** A QR code as one SVG path of unit squares; the quiet zone around it is part of its size. */
export function qrOf(text: string): Qr {
  const { size, data } = encode(text, { ecc: 'M', border: 4 })
  const rows = data.map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : '')).join(''))
  return { size, path: rows.join('') }
}

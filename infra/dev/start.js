// Plain JavaScript, so that a Node that cannot run the rest can still say so.
import crypto from 'node:crypto'

// Node 24.21 is what we test with; this function is the newest thing of it that we need.
if (typeof crypto.randomUUIDv7 !== 'function') {
  console.error(
    `MCPShield runs on Node 24, and this is Node ${process.versions.node}.\n` +
      (process.platform === 'linux'
        ? 'It comes with `npm install` as an optional dependency. If it was left out: npm install --include=optional'
        : 'Install it, for example with: brew install node@24'),
  )
  process.exit(2)
}
await import('./up.ts')

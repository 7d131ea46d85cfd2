// Plain JavaScript, so that a Node that cannot run the rest can still say so.
const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(
    `MCPShield runs on Node 24, which comes with \`npm install\` on Linux and macOS (x64 and arm64); this is Node ${process.versions.node}.\n` +
      'If you left out optional dependencies, mend it with: npm install --include=optional',
  )
  process.exit(2)
}
await import('./up.ts')

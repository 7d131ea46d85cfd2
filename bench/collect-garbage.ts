// Loaded before a service of the soak: garbage is collected every few seconds, so that what is measured is what is kept. Node
// collects old garbage when it needs the room, which may be never in twenty minutes.
const EVERY_MS = 5_000

setInterval(() => globalThis.gc?.(), EVERY_MS).unref()

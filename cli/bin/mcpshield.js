#!/usr/bin/env node
// Plain JavaScript for Node 18 and newer. The rest runs on Node 24: where this Node is older, the command is run again
// by the one that came with the install, with the same terminal, signals and exit code.
import { spawn } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import module from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const WANTED = 24
const here = fileURLToPath(import.meta.url)

if (major(process.versions.node) >= WANTED) {
  // Reading our sources anew costs more than most commands take. Kept beside them, where only who may change the
  // sources may write; where that cannot be, it is done without.
  module.enableCompileCache?.(join(dirname(here), '../node_modules/.cache/mcpshield'))
  await import('../src/main.ts')
} else {
  const newer = process.env.MCPSHIELD_NODE_FOUND === undefined ? findNode() : undefined
  if (newer === undefined) refuse()
  else runAgain(newer)
}

/** The first Node that is new enough in a `node_modules` at or above this package. */
function findNode() {
  const names = [`node-${process.platform}-${process.arch}/bin/node`, '.bin/node', 'node/bin/node']
  for (let folder = dirname(here); ; folder = dirname(folder)) {
    for (const name of names) {
      const node = newEnough(join(folder, 'node_modules', name))
      if (node !== undefined) return node
    }
    if (dirname(folder) === folder) return undefined
  }
}

/** The program itself, if its package says a version that will do. */
function newEnough(path) {
  try {
    const node = realpathSync(path)
    const { version } = JSON.parse(readFileSync(join(dirname(node), '../package.json'), 'utf8'))
    return major(version) >= WANTED ? node : undefined
  } catch {
    return undefined
  }
}

function major(version) {
  return Number.parseInt(version, 10)
}

function runAgain(node) {
  const env = { ...process.env, MCPSHIELD_NODE_FOUND: '1' }
  const child = spawn(node, [here, ...process.argv.slice(2)], { stdio: 'inherit', env })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
  const pass = (signal) => child.kill(signal)
  for (const signal of signals) process.on(signal, pass)
  child.on('error', (error) => {
    console.error(`mcpshield: ${node} cannot be started: ${error.message}`)
    process.exitCode = 2
  })
  child.on('exit', (code, signal) => {
    for (const each of signals) process.off(each, pass)
    // To whoever waits for this process it must look as if it had been that one.
    if (signal === null) process.exitCode = code
    else process.kill(process.pid, signal)
  })
}

function refuse() {
  console.error(
    `mcpshield runs on Node ${WANTED}, and this is Node ${process.versions.node}.\n` +
      (process.platform === 'linux'
        ? 'It comes with `npm install` as an optional dependency. If it was left out: npm install --include=optional'
        : 'Install it, for example with: brew install node@24'),
  )
  process.exitCode = 2
}

// An upstream as child processes: one for each speaker of the legacy era, where a process is a session, and one for all
// speakers of the modern one.
import { setTimeout as wait } from 'node:timers/promises'
import type { RpcAnswer } from '@mcpshield/mcp/messages'
import type { Log } from '@mcpshield/runtime/log'
import { discovered } from './discover.ts'
import { asRefusal, Refusal } from './failures.ts'
import { openChannelLink } from './legacy-channel.ts'
import { connectLegacyPeer } from './legacy-peer.ts'
import type { OpenLink } from './link.ts'
import { upstreamOf, type OwnedPeer } from './peers.ts'
import { modernMeta } from './request-params.ts'
import { openSharedProcess, type SharedProcess } from './shared-process.ts'
import { openProcesses, type Processes, type Tenant } from './stdio-processes.ts'
import type { Running, StdioSpec } from './stdio-process.ts'
import { CLIENT_INFO, type ServerIdentity, type Speaker, type Upstream } from './upstream.ts'

const START_TIMEOUT_MS = 30_000
/** Servers of the legacy era may stay silent when asked for something before `initialize`. */
const PROBE_MS = 2_000

/** A process that was asked who it is and did not answer as a modern server: good for a legacy session. */
type Spare = { running: Running; answer: Promise<RpcAnswer> }

type Stdio = {
  spec: StdioSpec
  log: Log
  processes: Processes
  shared: SharedProcess
  probing: Promise<ServerIdentity> | undefined
  server: ServerIdentity | undefined
  spare: Spare | undefined
}

export function stdioUpstream(spec: StdioSpec, log: Log): Upstream {
  const processes = openProcesses(spec, log)
  const stdio: Stdio = {
    spec,
    log,
    processes,
    shared: openSharedProcess(processes, log),
    probing: undefined,
    server: undefined,
    spare: undefined,
  }
  return upstreamOf(
    spec.slug,
    { legacy: (speaker) => legacyPeer(stdio, speaker), modern: (speaker) => modernPeer(stdio, speaker) },
    () => processes[Symbol.asyncDispose](),
  )
}

async function modernPeer(stdio: Stdio, speaker: Speaker): Promise<OwnedPeer> {
  if (stdio.server === undefined) {
    stdio.probing ??= probe(stdio).finally(() => (stdio.probing = undefined))
    stdio.server = await stdio.probing
  }
  return stdio.shared.peer(speaker, stdio.server)
}

/** Asks a new process who it is. One that is not of the modern era is spared for a legacy session. */
async function probe(stdio: Stdio): Promise<ServerIdentity> {
  const { spec, processes, shared } = stdio
  const running = processes.start(shared.tenant)
  const params = { _meta: modernMeta(CLIENT_INFO, {}) }
  // Settles later than it is waited for here: a process may start slowly.
  const answer = running.channel.call(0, 'server/discover', params, { timeoutMs: START_TIMEOUT_MS })
  try {
    const first = await Promise.race([answer, wait(PROBE_MS, undefined, { ref: false })])
    const server = discovered(spec.slug, first, null)
    processes.isReady(running)
    shared.take(running)
    return server
  } catch (error) {
    answer.catch(() => undefined)
    if (error instanceof Refusal) {
      spare(stdio, { running, answer })
      throw error
    }
    await running.stop('did not start')
    processes.failed()
    // Whoever ends when asked who it is may be of an era that knows no such question.
    throw running.hasRun() ? asRefusal(error) : error
  }
}

function spare(stdio: Stdio, fresh: Spare): void {
  stdio.spare = fresh
  stdio.processes.transfer(fresh.running, {
    owner: 'spare',
    subject: null,
    isHeld: () => false,
    onEnd: () => (stdio.spare = undefined),
  })
}

async function legacyPeer(stdio: Stdio, speaker: Speaker): Promise<OwnedPeer> {
  const { spec, log } = stdio
  let late: ServerIdentity | undefined
  const openLink: OpenLink = async (hello, events) => {
    const { spare: taken, processes } = stdio
    stdio.spare = undefined
    const { id: owner, subject } = speaker
    const tenant: Tenant = { owner, subject, isHeld: events.isListened, onEnd: events.onEnd }
    if (taken !== undefined) processes.transfer(taken.running, tenant)
    const running = taken?.running ?? processes.start(tenant)
    const close = () => running.stop('was left')
    const checkHold = () => processes.checkHold(running)
    try {
      const options = { startTimeoutMs: START_TIMEOUT_MS, close, checkHold, log }
      const link = await openChannelLink(running.channel, hello, events, options)
      processes.isReady(running)
      return link
    } catch (error) {
      late = taken === undefined ? undefined : await lateIdentity(stdio, taken)
      if (late !== undefined) throw error
      await running.stop('did not start')
      // What it was asked before may have spoiled it for a session.
      if (taken !== undefined) return openLink(hello, events)
      processes.failed()
      throw running.hasRun() ? asRefusal(error) : error
    }
  }
  try {
    return await connectLegacyPeer(spec.slug, speaker, openLink, log)
  } catch (error) {
    if (late === undefined) throw error
    stdio.server = late
    return stdio.shared.peer(speaker, late)
  }
}

/** A modern server that started slowly: it refuses `initialize`, but says who it is in the end. */
async function lateIdentity(stdio: Stdio, { running, answer }: Spare): Promise<ServerIdentity | undefined> {
  try {
    const server = discovered(stdio.spec.slug, await answer, null)
    stdio.processes.transfer(running, stdio.shared.tenant)
    stdio.processes.isReady(running)
    stdio.shared.take(running)
    return server
  } catch {
    return undefined
  }
}

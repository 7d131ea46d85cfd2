// Connections to what projects name, within what the operator lets this installation connect to. A host is looked up at
// the moment of connecting, and only the addresses that were looked at are connected to: a name that answers otherwise a
// moment later changes nothing.
import { isIP, Socket, type NetConnectOpts } from 'node:net'
import { AppError } from '@mcpshield/contracts/errors'
import { lookUp, pinned, type Lookup } from '@mcpshield/oauth/egress'
import type { EgressBound } from '@mcpshield/oauth/egress-bound'
import type { Reach } from '@mcpshield/upstream/reach'

/** Undefined where nothing is bounded: everything then connects as it does by itself. */
export function reachWithin(bound: EgressBound | undefined, lookup: Lookup = lookUp): Reach | undefined {
  if (bound === undefined) return undefined
  return async (given) => {
    const host = given.replace(/^\[|\]$/g, '')
    const addresses = isIP(host) === 0 ? await known(host, lookup) : [host]
    const closed = bound(host, addresses)
    if (closed !== undefined) throw new AppError('PERMISSION_DENIED', closed)
    return addresses
  }
}

async function known(host: string, lookup: Lookup): Promise<string[]> {
  try {
    return await lookup(host)
  } catch (cause) {
    throw new AppError('UNAVAILABLE', `The host ${host} is not known.`, { cause })
  }
}

/** A socket for drivers that make theirs by a function and call `connect` with port and host. */
export function boundSocket(reach: Reach): Socket {
  const socket = new Socket()
  const connect: (options: NetConnectOpts) => Socket = socket.connect.bind(socket)
  socket.connect = (port: unknown, host: unknown) => {
    const [named, at] = [Number(port), typeof host === 'string' ? host : 'localhost']
    const isPort = Number.isInteger(named) && named > 0
    const known = isPort ? reach(at) : Promise.reject(notByPath())
    known.then(
      (addresses) => {
        if (!socket.destroyed) connect({ port: named, host: at, lookup: pinned(addresses) })
      },
      (error: Error) => socket.destroy(error),
    )
    return socket
  }
  return socket
}

export function notByPath(): AppError {
  return new AppError(
    'PERMISSION_DENIED',
    'This installation does not connect to sockets by their path (UPSTREAM_EGRESS).',
  )
}

/** What an error that a driver passes on, perhaps inside of another, says of the bound. */
export function boundError(error: unknown): AppError | undefined {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++)
    if (each instanceof AppError && each.code === 'PERMISSION_DENIED') return each
  return undefined
}

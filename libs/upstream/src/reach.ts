// Where an operator bounds what may be connected to.
import { isIP, type LookupFunction } from 'node:net'
import { buildConnector } from 'undici'

/** The addresses that may be connected to for a host, looked up now. Throws an AppError when it may not be. */
export type Reach = (host: string) => Promise<string[]>

const CONNECT_TIMEOUT_MS = 10_000

/** For a pool of undici's: each new connection leads to an address that was looked at and nowhere else. */
export function connectorWithin(reach: Reach): buildConnector.connector {
  return (options, callback) => {
    reach(options.hostname).then(
      (addresses) => {
        const lookup = pinnedTo(addresses)
        const connect = buildConnector({
          lookup,
          allowH2: false,
          autoSelectFamily: true,
          timeout: CONNECT_TIMEOUT_MS,
        })
        connect(options, callback)
      },
      (error: Error) => callback(error, null),
    )
  }
}

function pinnedTo(addresses: string[]): LookupFunction {
  const known = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, options, answer) => {
    const [first] = known
    if (options.all || first === undefined) answer(null, known)
    else answer(null, first.address, first.family)
  }
}

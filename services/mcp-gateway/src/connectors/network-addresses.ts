// From the host of a URL to the addresses that may be connected to. The host is looked up once, every address is
// looked at, and only these are connected to: a name that answers otherwise a moment later changes nothing.
import { AppError } from '@mcpshield/contracts/errors'
import type { UrlFact } from '@mcpshield/policy/facts'
import { canonicalAddress, isPrivateAddress, isPublicAddress } from './addresses.ts'
import type { Grant } from './connector.ts'

/** All addresses of a name, as the system's resolver gives them. */
export type Lookup = (host: string) => Promise<string[]>

export type Reach = {
  lookup: Lookup
  /** Throws for what the operator of the installation does not let be connected to. */
  within: Lookup | undefined
  /** The operator lets this connection into private networks. */
  allowPrivate: boolean
  /** The host of the connection's own URL. */
  ownHost: string | undefined
}

const LOOPBACK = ['127.0.0.1', '::1']

export async function addressesOf(url: UrlFact, grant: Grant, reach: Reach): Promise<string[]> {
  const literal = canonicalAddress(url.host)
  if (literal !== undefined || url.host === 'localhost') {
    const addresses = literal === undefined ? LOOPBACK : [literal]
    const open = addresses.every(
      (each) => isPublicAddress(each) || (reach.allowPrivate && isPrivateAddress(each)),
    )
    if (!open && url.host !== reach.ownHost && !grant.namesHost(url)) throw notNamed(url)
    await reach.within?.(url.host)
    return addresses
  }
  const addresses = (await lookUp(url.host, reach.lookup)).map(canonicalAddress)
  const usable = addresses.filter((each) => each !== undefined)
  if (usable.length === 0 || usable.length < addresses.length) throw unknownHost(url.host)
  const refused = usable.find(
    (each) => !isPublicAddress(each) && !(reach.allowPrivate && isPrivateAddress(each)),
  )
  if (refused !== undefined) throw privateName(url.host)
  return usable
}

async function lookUp(host: string, lookup: Lookup): Promise<string[]> {
  try {
    return await lookup(host)
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw new AppError('UNAVAILABLE', `The host ${host} is not known.`, { cause })
  }
}

function unknownHost(host: string): AppError {
  return new AppError('UNAVAILABLE', `The host ${host} has no address that can be used.`)
}

function notNamed({ host }: UrlFact): AppError {
  return new AppError(
    'PERMISSION_DENIED',
    `The address ${host} is not a public one, and no rule names it: name it in allowed_domains, or set allow_private on the connection.`,
  )
}

function privateName(host: string): AppError {
  return new AppError(
    'PERMISSION_DENIED',
    `The host ${host} leads to an address that is not public; the option allow_private of the connection opens private networks.`,
  )
}

import { isIPv4, isIPv6 } from 'node:net'
import { unmapped } from '../../../shared/networks.ts'
import { visibleInLine } from '../../../shared/visible.ts'

/** Where a forwarded connection leads, or where one is listened for (RFC 4254, sections 7.1 and 7.2), as rules compare it. */
export interface ForwardedEndpoint {
  /** `host:port`; addresses in the one notation of each. */
  readonly endpoint: string
  /** Why it may be any other one as well. */
  readonly unknown: readonly string[]
}

/**
 * A target reads more as an address than it looks like: inet_aton(3) takes `127.1`, `0x7f.1`, `2130706433` and octal numbers, OpenSSH
 * ignores a NUL at the end, and old versions of it take the last 16 bits of a port. What is not a name, or an address in its usual notation,
 * may therefore be any. An IPv6 address has many spellings, and is compared in the one of RFC 5952. `listens`: the special
 * addresses of RFC 4254, section 7.1, are understood, and port 0.
 */
export function forwardedEndpoint(host: string, port: number, listens: boolean): ForwardedEndpoint {
  const address = addressOf(host, listens)
  const isPort = port <= MAX_PORT && (port > 0 || listens)
  return {
    endpoint: `${address ?? host}:${port}`,
    unknown: [
      ...(address === undefined
        ? [`"${visibleInLine(host)}" is not a host name or an address in its usual notation`]
        : []),
      ...(isPort ? [] : [`there is no port ${port}`]),
    ],
  }
}

function addressOf(host: string, listens: boolean): string | undefined {
  if (isIPv4(host)) return host
  const [address = '', zone, ...more] = host.split('%')
  if (isIPv6(address) && more.length === 0 && (zone === undefined || ZONE.test(zone))) {
    const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1)
    return unmapped(isMapped(shortest) ? dotted(shortest) : shortest) + (zone === undefined ? '' : `%${zone}`)
  }
  if (listens && (host === '' || host === '*')) return host
  return host.length <= MAX_NAME && NAME.test(host) && !NUMBER_LAST.test(host) ? host : undefined
}

/** `::ffff:7f00:1`, as the shortest notation has 127.0.0.1 within IPv6 (RFC 4291, section 2.5.5.2). */
const isMapped = (address: string): boolean => MAPPED.test(address)
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/

function dotted(address: string): string {
  const [, high = '', low = ''] = MAPPED.exec(address) ?? []
  const bytes = [high, low].flatMap((word) => [parseInt(word, 16) >> 8, parseInt(word, 16) & 0xff])
  return `::ffff:${bytes.join('.')}`
}

/** Labels of RFC 1123, section 2.1, and underscores, which resolvers take. */
const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*\\.?$`)
/** Read as an address, whatever stands before it. */
const NUMBER_LAST = /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i
const ZONE = /^[\w.-]{1,64}$/
const MAX_NAME = 254
const MAX_PORT = 65_535

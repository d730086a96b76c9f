import { BlockList, isIP } from 'node:net'

/** A set of IP addresses. */
export interface Networks {
  has(address: string): boolean
}

/** The set of addresses, and of networks in CIDR notation such as `10.0.0.0/8` or `fd00::/8` (RFC 4632, RFC 4291). */
export function networks(list: readonly string[]): Networks {
  const set = new BlockList()
  for (const entry of list) {
    const [address = '', prefix] = entry.split('/')
    if (prefix === undefined) set.addAddress(address, familyOf(address))
    else set.addSubnet(address, Number(prefix), familyOf(address))
  }
  return {
    has(address) {
      const plain = unmapped(address)
      return isIP(plain) !== 0 && set.check(plain, familyOf(plain))
    },
  }
}

/** Whether a text is an IP address, or a network in CIDR notation. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/')
  const bits = isIP(address) === 4 ? 32 : 128
  const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
  return isIP(address) !== 0 && isPrefix && more.length === 0
}

/** An IPv4 address as it is written, where a socket of both families has it as an IPv6 one (RFC 4291, section 2.5.5.2). */
export const unmapped = (address: string): string => /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

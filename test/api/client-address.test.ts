import { describe, expect, it } from 'vitest'
import { clientAddress } from '../../src/api/client-address.ts'
import { networks } from '../../src/shared/networks.ts'

const PROXIES = networks(['127.0.0.1', '10.0.0.0/8', '::1'])
const addressOf = (remoteAddress: string | undefined, forwarded?: string | string[]): string =>
  clientAddress(
    { headers: { 'x-forwarded-for': forwarded }, socket: { remoteAddress } } as unknown as Parameters<
      typeof clientAddress
    >[0],
    PROXIES,
  )

describe('the address of a client', () => {
  it.each<[string, string | undefined, string | string[] | undefined, string]>([
    ['the peer, without a proxy', '192.0.2.1', undefined, '192.0.2.1'],
    ['the peer, whatever it claims', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['the peer as an IPv4 address', '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['what a proxy says', '127.0.0.1', '192.0.2.1', '192.0.2.1'],
    ['what a proxy says over IPv6', '::ffff:127.0.0.1', '2001:db8::1', '2001:db8::1'],
    ['what the proxy added, not what the client wrote before it', '127.0.0.1', '198.51.100.7, 192.0.2.1', '192.0.2.1'],
    ['what the first of two proxies added', '127.0.0.1', '198.51.100.7, 192.0.2.1, 10.1.2.3', '192.0.2.1'],
    ['the last of several headers', '::1', ['198.51.100.7', '192.0.2.1'], '192.0.2.1'],
    ['an address with its port', '127.0.0.1', '192.0.2.1:4711', '192.0.2.1'],
    ['an IPv6 address with its port', '127.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['the proxy, where it says nothing', '127.0.0.1', undefined, '127.0.0.1'],
    ['the proxy, where it says no address', '127.0.0.1', '192.0.2.1, unknown', '127.0.0.1'],
    ['the proxy, where a name was slipped in', '127.0.0.1', '192.0.2.1, <script>', '127.0.0.1'],
    ['the nearest proxy that is known, where its client is not an address', '127.0.0.1', 'evil, 10.0.0.1', '10.0.0.1'],
    ['nothing, where the connection has ended', undefined, '192.0.2.1', ''],
  ])('is %s', (_what, peer, forwarded, address) => expect(addressOf(peer, forwarded)).toBe(address))
})

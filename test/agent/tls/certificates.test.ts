import { X509Certificate } from 'node:crypto'
import { connect, createServer, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { makeAuthority } from '../../../src/agent/tls/certificates.ts'

const validity = { from: new Date('2026-01-01T00:00:00Z'), to: new Date('2060-06-01T12:00:00Z') }
const authority = makeAuthority('pamctl test', validity)
const server = authority.issue('here', 'server', [{ dns: 'localhost' }, { address: Buffer.from([127, 0, 0, 1]) }])
const client = authority.issue('jane', 'client')

it('issues certificates that OpenSSL reads', () => {
  const own = new X509Certificate(authority.certificate)
  const leaf = new X509Certificate(server.certificate)
  expect(own.ca).toBe(true)
  expect(leaf.ca).toBe(false)
  expect(leaf.checkIssued(own)).toBe(true)
  expect(leaf.verify(own.publicKey)).toBe(true)
  expect(leaf.checkHost('localhost')).toBe('localhost')
  expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1')
  expect(leaf.checkHost('example.com')).toBeUndefined()
  expect(new Date(leaf.validFrom)).toEqual(validity.from)
  expect(new Date(leaf.validTo)).toEqual(validity.to)
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
  expect(new X509Certificate(client.certificate).keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
})

it('gives no two certificates the same serial number', () => {
  const numbers = Array.from(
    { length: 20 },
    () => new X509Certificate(authority.issue('x', 'client').certificate).serialNumber,
  )
  expect(new Set(numbers).size).toBe(20)
})

it.each([
  ['its own client certificate', client, true],
  ['the certificate of a server', server, false],
  ["another authority's", makeAuthority('pamctl test', validity).issue('jane', 'client'), false],
  ['none', undefined, false],
])('a TLS server of the authority lets in who shows: %s', async (_, shown, isKnown) => {
  let authorized: boolean | undefined
  const listener = createServer(
    {
      cert: server.certificate,
      key: server.key,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (socket: TLSSocket) => {
      authorized = socket.authorized
      socket.end('.')
    },
  )
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const socket = connect({
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    ca: authority.certificate,
    ...(shown === undefined ? {} : { cert: shown.certificate, key: shown.key }),
  })
  await new Promise((resolve, reject) => socket.on('end', resolve).on('error', reject).resume())
  listener.close()
  expect(authorized).toBe(isKnown)
})

import { expect, it } from 'vitest'
import { KnownServers } from '../../../../src/protocols/mysql/gateway/known-servers.ts'
import { ALWAYS_OFFERED, UNDERSTOOD } from '../../../../src/protocols/mysql/wire/capabilities.ts'
import type { Handshake } from '../../../../src/protocols/mysql/wire/handshake.ts'

const shop = { name: 'shop', host: 'db', port: 3306 }
const handshake = (version: string, capabilities: number): Handshake => ({
  version,
  threadId: 1,
  scramble: Buffer.alloc(20),
  capabilities,
  collation: 255,
  status: 2,
  plugin: 'mysql_native_password',
})

it('greets as the server that answered last, with the capabilities that the gateway understands', () => {
  const servers = new KnownServers()
  expect(servers.of(shop)).toMatchObject({ version: '5.7.0-pam', capabilities: ALWAYS_OFFERED })
  servers.note(shop, handshake('8.4.3', 0xffff_ffff))
  expect(servers.of(shop)).toEqual({ version: '8.4.3', capabilities: 0xffff_ffff & UNDERSTOOD, collation: 255 })
  servers.note(shop, handshake('10.11.19-MariaDB', 0))
  expect(servers.of(shop)).toMatchObject({ version: '10.11.19-MariaDB', capabilities: 0 })
})

it.each([
  ['name', { ...shop, name: 'other' }],
  ['host', { ...shop, host: 'other' }],
  ['port', { ...shop, port: 3307 }],
])('knows nothing of a target with another %s', (_, target) => {
  const servers = new KnownServers()
  servers.note(shop, handshake('8.4.3', 0))
  expect(servers.of(target).version).toBe('5.7.0-pam')
})

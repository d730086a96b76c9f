import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { ByteWriter } from '../../src/wire/byte-writer.ts'
import { encodeErr } from '../../src/protocols/mysql/wire/err.ts'
import { encodePackets } from '../../src/protocols/mysql/wire/framer.ts'
import { isMariadbMissing, startTestMariadb } from '../helpers/mariadb.ts'
import { MysqlClient } from '../helpers/mysql-client.ts'
import { MysqlGateway } from '../helpers/mysql-gateway.ts'

const RULES = `
access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
commands: [{ name: all, allow: true }]
masking: [{ name: some, columns: [people.email], style: redact }]`

/** Stands between the gateway and a server, and says something else in its place once a client's statement with `lie` has come. */
class LyingProxy {
  lie: Buffer | 'close' | undefined
  readonly #server: Server

  constructor(port: number) {
    this.#server = createServer((socket) => {
      const upstream = connect({ port, host: '127.0.0.1' })
      let lies = false
      socket.on('data', (bytes) => {
        if (bytes.includes('lie') && this.lie !== undefined) {
          lies = true
          if (this.lie === 'close') socket.destroy()
          else socket.write(this.lie)
        } else upstream.write(bytes)
      })
      upstream.on('data', (bytes) => void (lies || socket.write(bytes)))
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as [Socket, Socket][]) {
        one.on('error', () => {})
        one.on('close', () => other.destroy())
      }
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
  }
}

describe.skipIf(isMariadbMissing())('a target that lies', () => {
  let server: LocalMariadb
  let proxy: LyingProxy
  let gateway: MysqlGateway

  beforeAll(async () => {
    server = await startTestMariadb({
      accounts: [{ user: 'app', password: 'secret', grants: ['ALL ON shop.*'] }],
      script: 'CREATE DATABASE shop;',
    })
    proxy = new LyingProxy(server.port)
    gateway = await MysqlGateway.start({ rules: RULES, target: { port: await proxy.listen() }, password: 'secret' })
  })
  afterAll(async () => {
    await gateway?.stop()
    proxy?.close()
    await server?.stop()
  })

  const packet = (hex: string, sequence = 1): Buffer => encodePackets(Buffer.from(hex, 'hex'), sequence)

  const columnNamed = (name: string): Buffer => {
    const out = new ByteWriter()
    for (const text of ['def', '', '', '', name, '']) out.lengthEncodedBytes(Buffer.from(text))
    return Buffer.concat([out.finish(), Buffer.from('0c2d0001000000fd0000000000', 'hex')])
  }

  it.each<[string, Buffer | 'close', string]>([
    ['asks for a file', encodePackets(Buffer.from('\u00fb/etc/passwd', 'latin1'), 1), 'PROTOCOL_VIOLATION'],
    ['answers out of order', packet('00000002000000', 2), 'PROTOCOL_VIOLATION'],
    ['answers twice', Buffer.concat([packet('00000002000000'), packet('00000002000000')]), 'PROTOCOL_VIOLATION'],
    ['describes no columns', Buffer.concat([packet('02'), packet('00', 2)]), 'PROTOCOL_VIOLATION'],
    ['has more columns than there can be', packet('fdffffff'), 'PROTOCOL_VIOLATION'],
    ['has no columns', packet(''), 'PROTOCOL_VIOLATION'],
    [
      'has a column with a name that is too long',
      Buffer.concat([packet('01'), encodePackets(columnNamed('x'.repeat(20_000)), 2), packet('fe00000200000000', 3)]),
      'PROTOCOL_VIOLATION',
    ],
    ['cuts an OK short', packet('0000'), 'PROTOCOL_VIOLATION'],
    ['says that it ends', packet('ff8507'), 'none'],
    ['leaves', 'close', 'TARGET_LEFT'],
    [
      'says that it ends before it was asked',
      Buffer.concat([
        packet('00000002000000'),
        encodePackets(encodeErr({ code: 1053, sqlstate: '08S01', message: Buffer.from('bye') }), 0),
      ]),
      'TARGET_LEFT',
    ],
  ])('%s: the session ends, and no other', async (_, lie, code) => {
    const other = await MysqlClient.connect(gateway.port)
    const client = await MysqlClient.connect(gateway.port)
    const { session, over } = gateway.last
    proxy.lie = lie
    const answered = client.query("SELECT 'lie'").then(
      () => undefined,
      (error: unknown) => error,
    )
    if (code === 'none') expect(await answered).toMatchObject({ code: 1925 })
    else {
      await over
      expect(session.ended.reason).toMatchObject({ code })
    }
    proxy.lie = undefined
    expect(await other.rows('SELECT 1')).toEqual([['1']])
    other.quit()
    client.socket.destroy()
    await answered
    await over
  })
})

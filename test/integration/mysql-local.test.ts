import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listenLocally, type LocalListener } from '../../src/agent/local-listener.ts'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { mysqlLocal } from '../../src/protocols/mysql/local.ts'
import type { Channel } from '../../src/shared/channel.ts'
import { socketChannel } from '../../src/shared/socket-channel.ts'
import { isMariadbMissing, startTestMariadb } from '../helpers/mariadb.ts'
import { MYSQL_CLIENTS } from '../helpers/mysql-clients.ts'

let runtime: string
let server: LocalMariadb
/** Turns everybody away, and asks everybody for a secret, who is then connected to the server. */
let [turning, asking]: LocalListener[] = []
let away: string[] = []

beforeAll(async () => {
  if (isMariadbMissing()) return
  runtime = mkdtempSync(join(tmpdir(), 'pam-'))
  server = await startTestMariadb({ accounts: [{ user: 'app', password: '' }], script: 'CREATE DATABASE shop;' })
  const options = {
    port: undefined,
    protocol: mysqlLocal,
    private: false,
    runtime,
    uid: userInfo().uid,
    turnedAway: (reason: string) => away.push(reason),
    accept,
  }
  turning = await listenLocally({ ...options, name: 'turning', ownerOf: () => userInfo().uid + 1 })
  asking = await listenLocally({ ...options, name: 'asking', ownerOf: () => 'unknown' })
  server.sql(`SET PASSWORD FOR app@'%' = PASSWORD('${asking.info.secret ?? ''}'); GRANT ALL ON shop.* TO app@'%'`)
})
afterAll(async () => {
  await Promise.all([turning?.close(), asking?.close(), server?.stop()])
  if (runtime !== undefined) rmSync(runtime, { recursive: true, force: true })
})

function accept(client: Channel): void {
  const upstream = socketChannel(connect(server.port, '127.0.0.1'))
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const)
    from.handler = {
      data: (bytes) => void to.write(bytes),
      drained() {},
      ended: () => to.end(),
      closed: () => to.destroy(),
    }
  client.resume()
  upstream.resume()
}

describe.skipIf(isMariadbMissing())('a port of ours', () => {
  describe.each(MYSQL_CLIENTS)('$name', ({ runs, isMissing }) => {
    it.skipIf(isMissing)('reads why it is turned away, all of it', async () => {
      const outcome = await runs({ port: turning?.info.port ?? 0, database: 'shop', user: 'app', password: 'x' }, [])
      const [shown] = /\d*:? ?.*pam: .*/.exec(outcome) ?? [outcome]
      expect(shown).toContain(
        'pam: this local port belongs to another user (connect as the user who ran "pamctl connect" (programs under sudo run as another one))',
      )
      expect(shown).toContain('1227')
    })

    it.skipIf(isMissing)('is asked for the secret as its password', async () => {
      away = []
      const port = { port: asking?.info.port ?? 0, database: 'shop', user: 'app' }
      const direct = await runs({ ...port, port: server.port, password: asking?.info.secret ?? '' }, [
        'SELECT 1, USER()',
      ])
      expect(direct).toContain('app@127.0.0.1')
      expect(await runs({ ...port, password: asking?.info.secret ?? '' }, ['SELECT 1, USER()'])).toBe(direct)
      expect(away).toEqual([])
      expect(await runs({ ...port, password: 'guess' }, ['SELECT 1'])).toContain(
        'pam: this local port belongs to another',
      )
      expect(await runs({ ...port, password: '' }, ['SELECT 1'])).toContain('pam: this local port belongs to another')
      expect(away).toEqual(Array(2).fill('a connection without the right password'))
    })
  })
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { isMariadbMissing, startTestMariadb } from '../helpers/mariadb.ts'
import { MysqlClient } from '../helpers/mysql-client.ts'
import { MysqlGateway, type Served } from '../helpers/mysql-gateway.ts'

const RULES = `
access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
commands:
  - { name: all, allow: true }`

const MEGABYTE = 1024 * 1024

describe.skipIf(isMariadbMissing())('long texts', () => {
  let server: LocalMariadb
  let gateway: MysqlGateway
  /** A long text is being read. */
  let onReading: () => void = () => {}
  /** What it says is held back until then. */
  let goOn: Promise<unknown> = Promise.resolve()
  /** The same of what may be kept of it. */
  let onSearching: () => void = () => {}
  let found: Promise<unknown> = Promise.resolve()

  beforeAll(async () => {
    server = await startTestMariadb({
      accounts: [{ user: 'app', password: 'secret', grants: ['ALL ON shop.*'] }],
      settings: { 'max-allowed-packet': '64M' },
      script: 'CREATE DATABASE shop; CREATE TABLE shop.people (id INT, name LONGTEXT) CHARACTER SET utf8mb4;',
    })
    gateway = await MysqlGateway.start({
      rules: RULES,
      target: { port: server.port },
      password: 'secret',
      statementBytes: 8 * MEGABYTE,
      parser: (own) => ({
        parse(sql, context) {
          const parsed = own.parse(sql, context)
          if (!(parsed instanceof Promise)) return parsed
          onReading()
          return Promise.all([parsed, goOn]).then(([read]) => read)
        },
        close: () => own.close(),
      }),
      recorder: (own) => ({
        ...own,
        ahead(text, facts) {
          const searching = own.ahead(text, facts)
          if (searching === undefined) return undefined
          onSearching()
          return Promise.all([searching, found]).then(([ahead]) => ahead)
        },
      }),
    })
  })
  afterAll(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  it('are read while others are answered', async () => {
    const [one, other] = [await MysqlClient.connect(gateway.port), await MysqlClient.connect(gateway.port)]
    const reading = new Promise<void>((resolve) => (onReading = resolve))
    let answered = (): void => {}
    goOn = new Promise<void>((resolve) => (answered = resolve))
    const rows = Array.from({ length: 100_000 }, (_, id) => `(${id}, '${id}')`)
    const long = one.query(`INSERT INTO people VALUES ${rows.join(', ')}`)
    await reading
    expect(await other.rows('SELECT 1')).toEqual([['1']])
    answered()
    expect((await long)[0]?.affectedRows).toBe(100_000n)
    one.quit()
    other.quit()
  })

  it.each([
    ['a text', (client: MysqlClient, values: string) => client.query(`INSERT INTO people VALUES (-2, '${values}')`)],
    [
      'a parameter',
      async (client: MysqlClient, values: string) => {
        const { id } = await client.prepare('INSERT INTO people VALUES (-2, ?)')
        return client.execute(id, [values])
      },
    ],
  ])(
    'are searched for what must be hidden while others are answered, and judged by what is there then: %s',
    async (_, insert) => {
      const [one, other] = [await MysqlClient.connect(gateway.port), await MysqlClient.connect(gateway.port)]
      const { events } = gateway.served.at(-2) as Served
      const searching = new Promise<void>((resolve) => (onSearching = resolve))
      let answered = (): void => {}
      found = new Promise<void>((resolve) => (answered = resolve))
      const long = insert(one, 'jane@example.com '.repeat(3000))
      const failed = expect(long).rejects.toThrow("Table 'shop.people' doesn't exist")
      await searching
      expect(await other.rows('SELECT 1')).toEqual([['1']])
      await other.query('RENAME TABLE people TO folk')
      answered()
      await failed
      const [command] = events.filter((event) => event.type === 'command' && event.text.startsWith('INSERT'))
      expect(JSON.stringify(command)).not.toContain('jane')
      expect(JSON.stringify(command).match(/‹[0-9a-f]{12}›/g)).toHaveLength(3000)
      await other.query('RENAME TABLE folk TO people')
      one.quit()
      other.quit()
    },
  )

  it('are put on record, and answered, one after another', async () => {
    const client = await MysqlClient.connect(gateway.port)
    const value = 'x'.repeat(4 * MEGABYTE)
    expect((await client.query(`INSERT INTO people VALUES (-1, '${value}')`))[0]?.affectedRows).toBe(1n)
    expect(await client.rows('SELECT LENGTH(name) FROM people WHERE id = -1')).toEqual([[String(value.length)]])
    const texts = gateway.last.events.flatMap((event) => (event.type === 'command' ? [event.text] : []))
    expect(texts.map((text) => text.length)).toContain(`INSERT INTO people VALUES (-1, '${value}')`.length)
    client.quit()
  })
})

import pg from 'pg'
import { fixed, table } from '../lib/measure.js'

/**
 * What definitions cost that change all the time: a hundred statements, half of them DDL, by one session and by four at once,
 * with tables of the database and temporary ones. Every DDL makes the gateway look at the catalogs again, for every session.
 */
export async function ddl(context) {
  const { stack, rounds } = context
  const contenders = [
    { name: 'direct', port: stack.postgres.port },
    ...(await context.gatewayContenders(context.pick({ measures: ['checks-tls'], other: ['plain', 'checks'] }))),
  ]
  const rows = []
  const results = []
  for (const [kind, make] of Object.entries(KINDS))
    for (const sessions of [1, 4]) {
      const best = contenders.map(() => Infinity)
      for (let round = 0; round < rounds; round++)
        for (const [index, { port }] of contenders.entries())
          best[index] = Math.min(
            best[index],
            await timeOf(stack, port, sessions, (n) => make(`${n}_${round}_${index}`)),
          )
      const [direct] = best
      results.push({
        kind,
        sessions,
        ms: Object.fromEntries(contenders.map(({ name }, index) => [name, best[index]])),
      })
      rows.push([
        `${kind}, ${sessions === 1 ? 'one session' : `${sessions} sessions at once`}`,
        `${fixed(direct)} ms`,
        ...best.slice(1).map((time) => `${fixed(time)} ms (${fixed(time / direct, 2)})`),
      ])
    }
  return {
    results,
    text: table(['a hundred statements, half of them DDL', ...contenders.map(({ name }) => name)], rows),
  }
}

const KINDS = {
  tables: (n) => [`create table ddl_${n} (id int primary key, note text)`, `insert into ddl_${n} values (1, 'x')`],
  'temporary tables': (n) => [`create temp table ddl_${n} (id int, note text)`, `insert into ddl_${n} values (1, 'x')`],
}

async function timeOf(stack, port, sessions, make) {
  const clients = await Promise.all(Array.from({ length: sessions }, () => connect(stack, port)))
  const start = performance.now()
  await Promise.all(
    clients.map(async (client, session) => {
      for (let n = 0; n < 50; n++) for (const sql of make(`${session}_${n}`)) await client.query(sql)
    }),
  )
  const time = performance.now() - start
  for (const client of clients) await client.end()
  // Past the gateway: one of its rules has a person decide about every DROP.
  const direct = await connect(stack, stack.postgres.port)
  const { rows } = await direct.query("select relname from pg_class where relname ~ '^ddl_' and relkind = 'r'")
  for (const { relname } of rows) await direct.query(`drop table if exists ${relname}`)
  await direct.end()
  return time
}

async function connect(stack, port) {
  const env = stack.env(port)
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: env.PGUSER,
    password: env.PGPASSWORD,
    database: env.PGDATABASE,
  })
  await client.connect()
  return client
}

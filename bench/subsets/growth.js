import { makeBulkTable, drain } from './bulk.js'
import { pgbench } from './oltp.js'
import { fixed, median, table } from '../lib/measure.js'

/** What one unit costs the gateway as there is more of everything: flat is what it should be. */
export async function growth(context) {
  const { stack, quick } = context
  const [{ port, pids }] = await context.gatewayContenders(['checks'])
  const one = { port, pids }
  const repeat = quick ? 1 : 2
  const least = async (work) => {
    const values = []
    for (let time = 0; time < repeat; time++) values.push(await work())
    return median(values)
  }
  const rows = []
  const add = async (what, unit, sizes, cost) => {
    const costs = []
    for (const size of sizes) costs.push(await cost(size))
    rows.push({ what, unit, sizes, costs })
  }
  await add('connections that are busy', 'µs per statement', [8, 16, 32, 64], (clients) =>
    least(
      async () => (await pgbench(stack, one, { mode: 'prepared', clients, seconds: clients > 8 ? 6 : 3 })).gatewayUs,
    ),
  )
  let kept = 0
  await add('sessions kept', 'ms per connection', quick ? [50, 100] : [50, 100, 200, 400], async (size) => {
    for (; kept < size; kept += 25)
      await pgbench(stack, one, { mode: 'simple', clients: 5, seconds: 30, more: ['-C', '-t', '5'], timed: false })
    return least(
      async () =>
        (await pgbench(stack, one, { mode: 'simple', clients: 4, seconds: 2, more: ['-C'] })).gatewayUs / 1000,
    )
  })
  const gatewayWith = async (more) => {
    const gateway = await stack.gateway(`growth-${Object.keys(more)[0]}-${Math.random()}`, { checks: true, ...more })
    return {
      gateway,
      port: await gateway.port('db'),
      pids: { gateway: [gateway.pid], agent: [await gateway.agentPid()] },
    }
  }
  await add('rules before the one that fits', 'µs per statement', [10, 20, 40, 80], async (count) => {
    const rules = Array.from(
      { length: count },
      (_, n) => `\n  - { name: rule ${n}, match: { kinds: [truncate], relations: [other_${n}] }, deny: no }`,
    ).join('')
    const made = await gatewayWith({ rules })
    const cost = await least(
      async () => (await pgbench(stack, made, { mode: 'simple', clients: 8, seconds: 2 })).gatewayUs,
    )
    await made.gateway.stop()
    return cost
  })
  await add('targets', 'ms per connection', [10, 20, 40, 80], async (count) => {
    const targets = Array.from(
      { length: count },
      (_, n) =>
        `\n  - { name: other-${n}, type: postgres, labels: { env: dev }, host: 127.0.0.1, port: 1, database: x, user: x, password: "file:target-password", tls: disable }`,
    ).join('')
    const made = await gatewayWith({ targets })
    const cost = await least(
      async () =>
        (await pgbench(stack, made, { mode: 'simple', clients: 4, seconds: 2, more: ['-C'] })).gatewayUs / 1000,
    )
    await made.gateway.stop()
    return cost
  })
  await makeBulkTable(stack, 400_000)
  await add('rows of a result', 'ms per MB', quick ? [50_000, 100_000] : [50_000, 100_000, 200_000, 400_000], (count) =>
    least(async () => (await drain(stack, one, `select * from bulk limit ${count}`)).gatewayMs),
  )
  return {
    results: rows,
    text: `CPU of the gateway. The last column is the cost at the largest size to that at the smallest.\n\n${table(
      ['as there are more', 'unit', 'at 1×', '2×', '4×', '8×', '8× to 1×'],
      rows.map(({ what, unit, sizes, costs }) => [
        `${what}: ${sizes[0]} to ${sizes.at(-1)}`,
        unit,
        ...Array.from({ length: 4 }, (_, i) => (costs[i] === undefined ? '' : fixed(costs[i], costs[i] < 20 ? 2 : 0))),
        fixed(costs.at(-1) / costs[0], 2),
      ]),
    )}`,
  }
}

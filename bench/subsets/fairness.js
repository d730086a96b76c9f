import { drain, makeBulkTable } from './bulk.js'
import { fixed, percentile, table } from '../lib/measure.js'
import { startSession } from '../lib/session.js'

/** What one client notices of another: latencies of `select 1` while somebody reads a gigabyte, or sends a text that is hard to read. */
export async function fairness(context) {
  const { stack, quick } = context
  await makeBulkTable(stack, quick ? 200_000 : 500_000)
  const [{ port }] = await context.gatewayContenders(['checks-tls'])
  const one = await startSession(stack, port)
  const other = await startSession(stack, port)
  const rows = []
  const measure = async (what, disturb) => {
    let isDone = false
    const disturbing = disturb().finally(() => (isDone = true))
    const latencies = []
    while (!isDone || latencies.length < 200) {
      const start = performance.now()
      await one.client.query('select 1')
      latencies.push(performance.now() - start)
    }
    await disturbing
    rows.push({
      what,
      count: latencies.length,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      most: Math.max(...latencies),
    })
  }
  const nothing = async () => {}
  await measure('nothing else', nothing)
  const times = quick ? 2 : 7
  await measure('a masked result of a gigabyte', async () => {
    for (let time = 0; time < times; time++) await drain(stack, { port, pids: {} }, 'select * from bulk')
  })
  const values = (start) => Array.from({ length: 100_000 }, (_, n) => start + n).join(',')
  await measure('an IN list of 100,000 numbers, five times', async () => {
    for (let time = 0; time < 5; time++)
      await other.client.query(`select count(*) from pgbench_accounts where aid in (${values(time)})`)
  })
  await measure('a sum of 30,000 terms that is too deep to be read, five times', async () => {
    for (let time = 0; time < 5; time++)
      await other.client.query(`select 1${'+1'.repeat(30_000)} -- ${time}`).catch(() => {})
  })
  one.socket.destroy()
  other.socket.destroy()
  return {
    results: rows,
    text: table(
      ['meanwhile', 'statements', 'p50 ms', 'p99 ms', 'longest ms'],
      rows.map(({ what, count, p50, p99, most }) => [
        what,
        String(count),
        fixed(p50, 2),
        fixed(p99, 2),
        fixed(most, 1),
      ]),
    ),
  }
}

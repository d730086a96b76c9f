import { join } from 'node:path'
import { packageRoot } from '../../dist/demo/local-postgres.js'
import { against, fixed, medianOf, ratioText, rounds, table } from '../lib/measure.js'
import { run } from '../lib/processes.js'

/** What a person waits for at the command line; the agent runs already. */
export async function cli(context) {
  const { stack } = context
  const [{ gateway }] = await context.gatewayContenders(['checks-tls'])
  await gateway.port('db')
  const contenders = [
    { name: 'node --version', go: () => run(process.execPath, ['--version']) },
    { name: 'node -e 0', go: () => run(process.execPath, ['-e', '0']) },
    {
      name: 'pamctl --version',
      go: () =>
        run(process.execPath, [join(packageRoot, 'bin', 'pamctl.js'), '--version'], { env: gateway.environment }),
    },
    {
      name: "psql -c 'select 1'",
      go: () => run('psql', ['-Xqc', 'select 1'], { env: stack.env(stack.postgres.port) }),
    },
    {
      name: "pamctl connect db -- psql -c 'select 1'",
      go: () => gateway.pamctl('connect', 'db', '--', 'psql', '-Xqc', 'select 1'),
    },
    { name: 'pamctl targets', go: () => gateway.pamctl('targets') },
  ]
  const samples = await rounds(context.quick ? 3 : 9, contenders, async ({ go }) => {
    const began = performance.now()
    await go()
    return { ms: performance.now() - began }
  })
  return {
    results: Object.fromEntries(samples),
    text: table(
      ['', 'ms', 'of plain psql'],
      contenders.map(({ name }) => [
        name,
        fixed(medianOf(samples, name, 'ms'), 0),
        name.startsWith('pamctl connect') ? ratioText(against(samples, name, "psql -c 'select 1'", 'ms')) : '',
      ]),
    ),
  }
}

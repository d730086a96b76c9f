import { Option } from 'commander'
import { connectAgent, runningAgent } from '../../agent/control-client.ts'
import type { ListenerStatus } from '../../agent/control-messages.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'

/** `pamctl agent start|stop|status`: it starts by itself when it is needed. */
export const agent: AddCommand = (program, run) => {
  const group = program.command('agent').description('manage the local agent')
  group
    .command('start')
    .description('start the agent if it is not running')
    .addOption(jsonOption())
    .action(
      run(async ({ io, paths, environment }: CliContext, options: { json?: boolean }) => {
        const connection = await connectAgent(paths(), environment)
        const { pid } = await connection.call('status', {})
        connection.close()
        if (options.json) return io.json({ pid })
        io.note(`the agent runs (process ${pid})`)
      }),
    )
  group
    .command('stop')
    .description('stop the agent and close its connections')
    .addOption(jsonOption())
    .action(
      run(async ({ io, paths }: CliContext, options: { json?: boolean }) => {
        const connection = await runningAgent(paths())
        if (connection === undefined)
          return options.json ? io.json({ wasRunning: false }) : io.note('the agent is not running')
        await connection.call('stop', {})
        await new Promise<void>((resolve) => connection.onClose(resolve))
        if (options.json) return io.json({ wasRunning: true })
        io.note('the agent has stopped')
      }),
    )
  group
    .command('status')
    .description('show open ports')
    .addOption(jsonOption())
    .action(
      run(async ({ io, paths }: CliContext, options: { json?: boolean }) => {
        const connection = await runningAgent(paths())
        if (connection === undefined) return options.json ? io.json(null) : io.note('the agent is not running')
        const status = await connection.call('status', {})
        connection.close()
        if (options.json) return io.json(status)
        io.note(`agent ${status.version}, process ${status.pid}`)
        if (status.listeners.length === 0) return io.note('no ports are open')
        await io.table(
          status.listeners,
          {
            TARGET: ({ target }) => target,
            PORT: ({ port }) => String(port),
            CONNECTIONS: ({ tunnels }) => String(tunnels),
            GATEWAY: ({ gateway }) => gateway,
            ...(status.listeners.some(({ kept }) => kept !== undefined)
              ? {
                  KEPT: ({ kept }: ListenerStatus) =>
                    kept === undefined ? '' : kept.until === undefined ? 'standing' : `until ${io.clock(kept.until)}`,
                }
              : {}),
          },
          { clipFirst: ['GATEWAY'], leaveOutFirst: ['GATEWAY'] },
        )
      }),
    )
  group
    .command('run', { hidden: true })
    .addOption(new Option('--private <socket>').hideHelp())
    .action(async (options: { private?: string }) => {
      const { runAgent } = await import('../../agent/main.ts')
      await runAgent(options.private)
    })
}

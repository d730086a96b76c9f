import { connect as connectSocket } from 'node:net'
import { PamError } from '../../shared/errors.ts'
import type { AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { visible } from '../../shared/visible.ts'

/** `pamctl tunnel TARGET`: one connection on standard input and output, for a ProxyCommand. */
export const tunnel: AddCommand = (program, run) => {
  program
    .command('tunnel <target>')
    .description('one connection to a target on standard input and output, for ProxyCommand of ssh')
    .action(run(openTunnel))
}

async function openTunnel(context: CliContext, name: string): Promise<void> {
  const { io } = context
  const agent = await context.agent()
  const { socketPath } = await agent.call('listen', {
    profile: await context.profile(),
    target: name,
    protocol: 'ssh',
    private: true,
  })
  if (socketPath === undefined) throw new PamError('FEATURE_REFUSED', 'this system has no Unix sockets: use connect')
  agent.onEvent((event) => {
    // A refusal and the end are told in SSH, by the agent or by the gateway: the client shows them by itself.
    if (event.target === name && event.ahead) io.note(`pamctl: ${visible(event.message)}`)
  })
  const socket = connectSocket({ path: socketPath, allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => {
    socket.on('error', (error) => reject(new PamError('INTERNAL', 'the agent went away', { cause: error })))
    socket.on('close', () => resolve())
    process.stdin.on('error', () => socket.destroy())
    process.stdout.on('error', () => socket.destroy())
    process.stdin.pipe(socket)
    socket.pipe(process.stdout, { end: false })
  })
  // Nothing waits for an end of input that nobody sends.
  process.stdin.destroy()
}

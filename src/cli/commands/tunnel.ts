import { connect as connectSocket } from 'node:net'
import { Option } from 'commander'
import { agentGone } from '../../agent/control-client.ts'
import { isProtocolName, protocolNames, wordsOf, type ProtocolName } from '../../protocols/names.ts'
import { asPamError, PamError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import type { AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { visible, visibleInLine } from '../../shared/visible.ts'
import { withTimeout } from '../../shared/with-timeout.ts'

/** `pamctl tunnel TARGET`: one connection on standard input and output, for a ProxyCommand. */
export const tunnel: AddCommand = (program, run) => {
  program
    .command('tunnel <target>')
    .description('connect standard input and output to a target (an ssh ProxyCommand)')
    .addOption(
      new Option(
        '--protocol <name>',
        'protocol of the client, in which refusals are reported (default: that of the target)',
      ).choices(protocolNames),
    )
    .action(run(openTunnel))
}

async function openTunnel(context: CliContext, name: string, options: { readonly protocol?: string }): Promise<void> {
  const { io } = context
  const { stdin, stdout } = context.streams
  const agent = await context.agent()
  const protocol = options.protocol ?? (await protocolOf(context, name))
  const { socketPath } = await agent.call('listen', {
    profile: await context.profile(),
    target: name,
    protocol,
    private: true,
  })
  if (socketPath === undefined)
    throw new PamError('FEATURE_REFUSED', 'this system has no Unix sockets', {
      hint: `open a port: pamctl connect ${name}`,
    })
  let isUntold = false
  agent.onEvent((event) => {
    // A refusal and the end are told in the client's protocol where that is possible, by the agent or by the gateway: the client shows them by itself.
    if (event.target !== name || event.kind === 'told') return
    isUntold ||= event.kind === 'untold'
    io.note(`pamctl: ${visible(event.message)}`)
  })
  // A client that runs this gives it pipes: at a terminal nothing would say why nothing happens.
  if (stdin.isTTY === true) for (const line of atTerminal(name, protocol)) io.note(line)
  const left = new Promise<true>((resolve) => stdin.once('close', () => resolve(true)))
  const socket = connectSocket({ path: socketPath, allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => {
    socket.on('error', (error) => reject(agentGone(error)))
    // Whoever half-closes an SSH connection has gone.
    socket.on('end', () => resolve())
    socket.on('close', () => resolve())
    stdin.on('error', () => socket.destroy())
    stdout.on('error', () => socket.destroy())
    stdin.pipe(socket)
    socket.pipe(stdout, { end: false })
  })
  // What the agent has said before is read before its answer.
  const gone = await agent.call('hello', { version: VERSION }).then(
    () => undefined,
    (error: unknown) => asPamError(error),
  )
  if (gone !== undefined && !isUntold) io.note(`pamctl: ${gone.message}`)
  // A client that reads why leaves by itself; where its writing fails before, it shows that in place of the reason.
  if (gone === undefined && !isUntold) await withTimeout(left, LINGER)
  // Nothing waits for an end of input that nobody sends.
  stdin.destroy()
}

/** What the terminal is now, how it ends, and what was probably meant. */
function atTerminal(name: string, protocol: string): string[] {
  const { article, label, ways } = wordsOf(protocol)
  return [
    `pamctl: this terminal is now ${article} ${label} connection to ${visibleInLine(name)}, and no port is open; Ctrl-C closes it`,
    ...ways.map(({ command, label: what }) => `hint: to ${inPlaceOfName(what, name)}: ${inPlaceOfName(command, name)}`),
  ]
}

const inPlaceOfName = (text: string, name: string): string => text.replace('NAME', () => visibleInLine(name))

/** What a target speaks. Of one that cannot be found SSH is assumed: the gateway says no, to an ssh with this as its ProxyCommand. */
async function protocolOf(context: CliContext, name: string): Promise<ProtocolName> {
  try {
    const targets = await (await context.client()).targets()
    const type = targets.find((target) => target.name === name)?.type
    return type !== undefined && isProtocolName(type) ? type : 'ssh'
  } catch {
    return 'ssh'
  }
}

/** Milliseconds. */
const LINGER = 2000

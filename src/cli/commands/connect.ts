import { basename } from 'node:path'
import type { AgentConnection } from '../../agent/control-client.ts'
import type { AgentEvent } from '../../agent/control-messages.ts'
import type { ListenerInfo } from '../../protocols/client-half.ts'
import type { Target } from '../../api/schemas/access.ts'
import { UsageError } from '../../shared/errors.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { clientHalves } from '../../protocols/client.ts'
import type { HowToConnect } from '../../protocols/client-half.ts'
import { protocolNames, wordsOf } from '../../protocols/names.ts'
import { visible } from '../../shared/visible.ts'
import { knownType } from '../known-type.ts'
import { profileDirectory } from '../profile-directory.ts'
import { runClient } from '../run-client.ts'
import {
  addAccessOptions,
  ensureGrant,
  loginOptions,
  openPort,
  untilInterrupted,
  type AccessOptions,
} from '../open-target.ts'
import { targetNamed } from '../target-named.ts'

interface ConnectOptions extends AccessOptions {
  readonly json?: boolean
}

/** `pamctl connect TARGET [-- CMD…]`: gets access where that is needed, opens the port, runs the client. */
export const connect: AddCommand = (program, run) => {
  const command = program
    .command('connect <target> [command...]')
    .description('open a local port to a target, or run a client connected to it')
    // -h is for the command that is run, whose options are easily written without the separator.
    .helpOption('--help', 'display help for command')
    .usage('[options] <target> [-- command...]')
  addAccessOptions(command).addOption(jsonOption()).action(run(connectTo))
}

async function connectTo(
  context: CliContext,
  name: string,
  command: readonly string[],
  options: ConnectOptions,
): Promise<void> {
  const { io } = context
  const api = await context.client()
  const targets = await api.targets()
  const target = targetNamed(targets, name)
  const half = clientHalves[knownType(target)]
  const [program, ...args] = command
  if (program !== undefined) needClientOf(target, program)
  if (target.grant === 'request') await ensureGrant(context, api, targets, name, options)
  const agent = await context.agent()
  const start = async (client: string, listener: ListenerInfo | undefined): Promise<number> => {
    const { environment } = context
    const login = await loginOptions(context, api.gateway)
    return runClient(client, half.prepare({ program: client, args, target, listener, login, environment }), context)
  }
  if (program !== undefined && !half.listens) throw new Exit(await start(program, undefined))
  const listener = await openPort(context, agent, target, options, program !== undefined)
  // A running client's own errors say what happened, where they can; these are for whoever looks at the terminal.
  agent.onEvent((event) => {
    const isShell = io.interactive && half.openQuery !== undefined
    const running = program === undefined ? 'nothing' : isShell ? 'a shell' : 'a client'
    // A shell may be waiting behind its prompt.
    const before = running === 'a shell' ? '\n' : ''
    if (event.target === name && isShownBeside(running, event)) io.note(`${before}pamctl: ${visible(event.message)}`)
  })
  if (program !== undefined) throw new Exit(await start(program, listener))
  const directory = profileDirectory(context.paths().home, await context.profile())
  await keepOpen(half.describe(target, listener, directory), target, agent, options, context)
}

/**
 * What the agent says beside a client is for stderr, whatever that is: many protocols have no message for somebody who waits. What the client
 * is told itself it shows; but a shell of SQL that reconnects by itself does not show why it cannot.
 */
export const isShownBeside = (
  running: 'a client' | 'a shell' | 'nothing',
  { kind, late }: Pick<AgentEvent, 'kind' | 'late'>,
): boolean => running === 'nothing' || kind !== 'told' || (running === 'a shell' && late === true)

/** A client of another protocol would go past the gateway: psql to a server on this machine, ssh to a host of that name. */
function needClientOf({ name, type }: Target, program: string): void {
  const client = basename(program)
  const speaks = protocolNames.find((protocol) => clientHalves[protocol].programs.has(client))
  if (speaks === undefined || speaks === type) return
  const { article, label, ways } = wordsOf(type)
  throw new UsageError(
    `${name} is ${article} ${label} target, and ${client} is a client for ${wordsOf(speaks).label}`,
    ways[0]?.command.replace('NAME', name),
  )
}

/** Keeps the port open until Ctrl-C, and says how to use it. */
async function keepOpen(
  how: HowToConnect,
  target: Target,
  agent: AgentConnection,
  options: ConnectOptions,
  { io }: CliContext,
): Promise<void> {
  if (options.json) io.json({ target: target.name, ...how.json })
  else for (const line of how.lines) io.print(line)
  await untilInterrupted(agent, io)
}

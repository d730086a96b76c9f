import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { basename } from 'node:path'
import { Option } from 'commander'
import type { AgentConnection } from '../../agent/control-client.ts'
import type { ListenerInfo } from '../../protocols/client-half.ts'
import type { AccessRequest, Target } from '../../api/schemas/access.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import { asPamError, PamError, UsageError } from '../../shared/errors.ts'
import { durationOption, forHowLong, integer, jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { clientHalves } from '../../protocols/client.ts'
import type { ClientHalf, HowToConnect, PreparedClient } from '../../protocols/client-half.ts'
import { isProtocolName, protocolNames, wordsOf } from '../../protocols/names.ts'
import { clockTime } from '../output/clock-time.ts'
import type { Io } from '../output/io.ts'
import { visible } from '../../shared/visible.ts'
import { needApproved, reasonFor, waitForRequest, type OpenRequest, type ReasonOptions } from '../wait-for-request.ts'

interface ConnectOptions extends ReasonOptions {
  readonly for?: number
  readonly port?: number
  readonly wait?: boolean
  readonly json?: boolean
}

/** `pamctl connect TARGET [-- CMD…]`: gets access where that is needed, opens the port, runs the client. */
export const connect: AddCommand = (program, run) => {
  program
    .command('connect <target> [command...]')
    .description('open a local port to a target, or run a client connected to it')
    .usage('[options] <target> [-- command...]')
    .addOption(durationOption('--for <duration>', 'duration to request', 'PAMCTL_FOR'))
    .addOption(new Option('--reason <text>', 'reason for the request').env('PAMCTL_REASON'))
    .addOption(new Option('--edit', 'write the reason in your editor'))
    .addOption(new Option('--port <port>', 'local port').env('PAMCTL_PORT').argParser(integer))
    .addOption(new Option('--wait', 'wait for approval even without a terminal').env('PAMCTL_WAIT'))
    .addOption(jsonOption())
    .action(run(connectTo))
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
  const target = targets.find((candidate) => candidate.name === name)
  if (target === undefined)
    throw new PamError('TARGET_UNKNOWN', `no target named "${name}" is visible to you`, {
      hint: '"pamctl targets" lists yours',
    })
  const half = halfOf(target)
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
  const listener = await agent.call('listen', {
    profile: await context.profile(),
    target: name,
    protocol: target.type,
    ...(options.port === undefined ? {} : { port: options.port }),
  })
  // A running client's own errors say what happened, where they can; these are for whoever looks at the terminal.
  agent.onEvent((event) => {
    if (event.target === name && isShownBeside(command.length === 0 ? 'nothing' : 'a client', event.kind))
      io.note(`pamctl: ${visible(event.message)}`)
  })
  if (listener.usualPort !== undefined)
    io.note(`pamctl: port ${listener.usualPort}, usual for ${name}, is in use; using ${listener.port}`)
  if (program !== undefined) throw new Exit(await start(program, listener))
  await keepOpen(half.describe(target, listener, context.paths().home), target, agent, options, context)
}

/**
 * What the agent says beside a client is for stderr, whatever that is: many protocols have no message for somebody who waits. What the client
 * is told itself it shows.
 */
export const isShownBeside = (running: 'a client' | 'nothing', kind: 'told' | 'ahead' | 'untold'): boolean =>
  running === 'nothing' || kind !== 'told'

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

/** A gateway may be newer than this command line. */
function halfOf({ type, name }: Target): ClientHalf {
  if (isProtocolName(type)) return clientHalves[type]
  throw new PamError('FEATURE_REFUSED', `this pamctl does not know targets of type ${type}, such as ${name}`, {
    hint: 'update pamctl',
  })
}

/** Options that make another pamctl use the same login. */
async function loginOptions({ options, profile }: CliContext, gateway: string): Promise<string[]> {
  return [
    '--profile',
    await profile(),
    '--gateway',
    gateway,
    ...(options.ca === undefined ? [] : ['--ca', options.ca]),
    ...(options.tokenFile === undefined ? [] : ['--token-file', options.tokenFile]),
  ]
}

/** A current grant, or one that is asked for and waited for. */
async function ensureGrant(
  { io, ...context }: CliContext,
  api: ApiClient,
  targets: readonly Target[],
  name: string,
  options: ConnectOptions,
): Promise<void> {
  const { items } = await api.grants.list({ active: true, limit: 100 })
  const current = items.find((grant) => grant.target === name && grant.state === 'active')
  if (current !== undefined) {
    io.note(`access to ${name} until ${clockTime(current.endsAt)} (${current.id})`)
    return
  }
  const waiting = await waitingRequest(api, name)
  const reason =
    waiting === undefined ? await reasonFor({ io, ...context }, targets, name, options) : (options.reason ?? '')
  const open = async (): Promise<OpenRequest> => {
    if (waiting !== undefined) return resumed(waiting, options, io)
    try {
      const asked = { target: name, reason, ...(options.for === undefined ? {} : { lengthMs: options.for }) }
      const made = await api.requests.create(asked)
      io.note(`requested access: ${made.id} (approvers: ${made.approvers.groups.join(' or ')}) …`)
      return { request: made, isOurs: true }
    } catch (error) {
      // Another command of the same person was quicker.
      const { code, id } = asPamError(error)
      if (code !== 'REQUEST_PENDING' || id === undefined) throw error
      return resumed(await api.requests.get(id), options, io)
    }
  }
  if (!io.interactive && options.wait !== true) {
    const { request } = await open()
    throw new PamError('REQUEST_PENDING', `${request.id} waits for approval`, {
      hint: 'run this again once it is approved, or give --wait',
      id: request.id,
    })
  }
  needApproved(await waitForRequest(api, open, io))
}

async function waitingRequest(api: ApiClient, target: string): Promise<AccessRequest | undefined> {
  const { items } = await api.requests.list({ limit: 100, mine: true })
  return items.find((request) => request.target === target && request.state === 'pending')
}

/** Says which request is waited for, and what of this command does not count. */
function resumed(request: AccessRequest, options: ConnectOptions, io: Io): OpenRequest {
  const reason = request.reason === '' ? '' : `: ${request.reason}`
  io.note(
    visible(
      `already requested: ${request.id}, ${io.age(request.createdAt)}, for ${forHowLong(request.lengthMs)}${reason}`,
    ),
  )
  const unused = [
    ...(options.reason === undefined || options.reason.trim() === request.reason ? [] : ['--reason']),
    ...(options.for === undefined || options.for === request.lengthMs ? [] : ['--for']),
  ]
  if (unused.length > 0) {
    io.note(
      `pamctl: ${unused.join(' and ')} ignored, since this request is already waiting; to ask again, withdraw it first: pamctl withdraw ${request.id}`,
    )
  }
  return { request, isOurs: false }
}

/** Runs the client with what it needs, as if it had been started by hand: terminal, signals and exit code are its own. */
function runClient(
  program: string,
  { args, environment, cleanUp }: PreparedClient,
  context: CliContext,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: environment })
    // The terminal sends these to the child as well: they are its to handle.
    const ignored = ['SIGINT', 'SIGQUIT'] as const
    const passedOn = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const
    const ignore = (): void => {}
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
    for (const signal of ignored) process.on(signal, ignore)
    for (const signal of passedOn) process.on(signal, pass)
    const done = (): void => {
      for (const signal of ignored) process.removeListener(signal, ignore)
      for (const signal of passedOn) process.removeListener(signal, pass)
      cleanUp()
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      done()
      context.io.fail(
        error.code === 'ENOENT'
          ? `${program} was not found`
          : error.code === 'EACCES'
            ? `${program} cannot be run: permission denied`
            : `${program} cannot be run (${error.code})`,
        error.code === 'ENOENT' ? 'check that it is installed and on your PATH' : undefined,
      )
      if (error.code === 'ENOENT' || error.code === 'EACCES') resolve(error.code === 'ENOENT' ? 127 : 126)
      else reject(error)
    })
    child.on('exit', (code, signal) => {
      done()
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
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
  io.note('Ctrl-C closes it')
  const forever = setInterval(() => {}, 1 << 30)
  await new Promise<void>((resolve, reject) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
    agent.onClose(() => reject(new PamError('INTERNAL', 'lost the connection to the local agent')))
  }).finally(() => clearInterval(forever))
}

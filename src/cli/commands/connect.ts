import { spawn } from 'node:child_process'
import { constants, tmpdir } from 'node:os'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Option } from 'commander'
import type { AgentConnection } from '../../agent/control-client.ts'
import type { ListenerInfo } from '../../agent/control-messages.ts'
import type { Target } from '../../api/schemas/access.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import { PamError } from '../../shared/errors.ts'
import { durationOption, integer, jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { clockTime } from '../output/clock-time.ts'
import { visible } from '../output/visible.ts'
import { reasonFor, waitForRequest } from '../wait-for-request.ts'

interface ConnectOptions {
  readonly for?: number
  readonly reason?: string
  readonly port?: number
  readonly wait?: boolean
  readonly json?: boolean
}

/** `pamctl connect TARGET [-- CMD…]`: gets access where that is needed, opens the port, runs the client. */
export const connect: AddCommand = (program, run) => {
  program
    .command('connect <target> [command...]')
    .description('connect to a target, or run a command that does')
    .usage('[options] <target> [-- command...]')
    .addOption(durationOption('--for <duration>', 'how long, where access must be requested', 'PAMCTL_FOR'))
    .addOption(new Option('--reason <text>', 'why, where access must be requested').env('PAMCTL_REASON'))
    .addOption(new Option('--port <port>', 'the local port').env('PAMCTL_PORT').argParser(integer))
    .addOption(new Option('--wait', 'wait for approval, also without a terminal').env('PAMCTL_WAIT'))
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
    throw new PamError('TARGET_UNKNOWN', `there is no target "${name}" for you`, {
      hint: '"pamctl targets" lists yours',
    })
  if (target.grant === 'request') await ensureGrant(context, api, targets, name, options)
  const agent = await context.agent()
  const listener = await agent.call('listen', {
    profile: context.options.profile,
    target: name,
    protocol: target.type,
    ...(options.port === undefined ? {} : { port: options.port }),
  })
  // A running client's own errors say what happened; these are for whoever looks at the terminal.
  agent.onEvent((event) => {
    if (event.target === name && (command.length === 0 || (event.ahead && io.interactive)))
      io.note(`pamctl: ${visible(event.message)}`)
  })
  if (listener.usualPort !== undefined)
    io.note(
      `pamctl: port ${listener.usualPort}, which ${name} usually has, is in use: it is ${listener.port} this time`,
    )
  const [program, ...args] = command
  if (program !== undefined) throw new Exit(await runClient(program, args, target, listener, context))
  await keepOpen(target, listener, agent, options, context)
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
  const mine = await api.whoami()
  const waiting = (await api.requests.list({ limit: 100 })).items.find(
    (request) => request.target === name && request.state === 'pending' && request.requester.id === mine.person.id,
  )
  const request =
    waiting ??
    (await api.requests.create({
      target: name,
      reason: await reasonFor({ io, ...context }, targets, name, options.reason),
      ...(options.for === undefined ? {} : { lengthMs: options.for }),
    }))
  io.note(`requested access: ${request.id} (approvers: ${request.approvers.groups.join(' or ')}) …`)
  if (!io.interactive && options.wait !== true) {
    throw new PamError('REQUEST_PENDING', `${request.id} waits for approval`, {
      hint: 'run this again once it is approved, or give --wait',
      id: request.id,
    })
  }
  const decided = await waitForRequest(api, request, io)
  if (decided.state !== 'approved')
    throw new PamError('REQUEST_DENIED', `${decided.id} was ${decided.status}`, { id: decided.id })
}

/** Runs the client with what it needs, as if it had been started by hand: terminal, signals and exit code are its own. */
function runClient(
  program: string,
  args: readonly string[],
  target: Target,
  listener: ListenerInfo,
  context: CliContext,
): Promise<number> {
  const { environment, cleanUp } = clientEnvironment(program, target, listener, context.environment)
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
        `${program} cannot be run (${error.code})`,
        error.code === 'ENOENT' ? 'is it installed, and on your PATH?' : undefined,
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

/** Variables that would send the client elsewhere go; those that it needs come. */
function clientEnvironment(program: string, target: Target, listener: ListenerInfo, inherited: NodeJS.ProcessEnv) {
  const environment: NodeJS.ProcessEnv = { ...inherited }
  for (const name of CONFLICTING) delete environment[name]
  // libpq knows Unix sockets, which nobody else can enter; other programs get the port.
  const host = LIBPQ_PROGRAMS.has(basename(program)) ? (listener.socketDirectory ?? listener.host) : listener.host
  Object.assign(environment, {
    PGHOST: host,
    PGPORT: String(listener.port),
    PGUSER: target.user,
    PGDATABASE: target.database,
    PGSSLMODE: 'disable',
    PGCLIENTENCODING: 'UTF8',
  })
  if (listener.secret === undefined) return { environment, cleanUp: () => {} }
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-'))
  const file = join(directory, 'pgpass')
  writeFileSync(file, `*:*:*:*:${listener.secret}\n`, { mode: 0o600 })
  environment['PGPASSFILE'] = file
  return { environment, cleanUp: () => rmSync(directory, { recursive: true, force: true }) }
}

/** Keeps the port open until Ctrl-C, and says how to use it. */
async function keepOpen(
  target: Target,
  listener: ListenerInfo,
  agent: AgentConnection,
  options: ConnectOptions,
  { io }: CliContext,
): Promise<void> {
  const { host, port, socketDirectory, secret } = listener
  const url = `postgresql://${encodeURIComponent(target.user)}@${host}:${port}/${encodeURIComponent(target.database)}?sslmode=disable`
  if (options.json)
    io.json({
      target: target.name,
      host,
      port,
      user: target.user,
      database: target.database,
      url,
      ...(socketDirectory === undefined ? {} : { socketDirectory }),
      ...(secret === undefined ? {} : { password: secret }),
    })
  else {
    io.print(`${target.name} is at ${host}:${port}, user ${target.user}, database ${target.database}, without TLS`)
    io.print(`  psql "${url}"`)
    if (socketDirectory !== undefined)
      io.print(`  psql -h ${socketDirectory} -p ${port} -U ${target.user} ${target.database}`)
    if (secret !== undefined) io.print(`  password: ${secret}`)
  }
  io.note('Ctrl-C closes it')
  const forever = setInterval(() => {}, 1 << 30)
  await new Promise<void>((resolve, reject) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
    agent.onClose(() => reject(new PamError('INTERNAL', 'the agent went away')))
  }).finally(() => clearInterval(forever))
}

const LIBPQ_PROGRAMS = new Set([
  'psql',
  'pgbench',
  'pg_dump',
  'pg_restore',
  'pg_isready',
  'vacuumdb',
  'reindexdb',
  'createdb',
  'dropdb',
  'clusterdb',
])
const CONFLICTING = [
  'PGHOST',
  'PGHOSTADDR',
  'PGPORT',
  'PGUSER',
  'PGPASSWORD',
  'PGPASSFILE',
  'PGDATABASE',
  'PGSERVICE',
  'PGSERVICEFILE',
  'PGSSLMODE',
  'PGSSLCERT',
  'PGSSLKEY',
  'PGSSLROOTCERT',
  'PGSSLNEGOTIATION',
  'PGREQUIRESSL',
  'PGREQUIREPEER',
  'PGREQUIREAUTH',
  'PGCHANNELBINDING',
  'PGGSSENCMODE',
  'PGTARGETSESSIONATTRS',
  'PGLOADBALANCEHOSTS',
  'PGCLIENTENCODING',
  'PGREALM',
  'PGKRBSRVNAME',
  'PGMINPROTOCOLVERSION',
  'PGMAXPROTOCOLVERSION',
  'PAMCTL_TOKEN',
  'DATABASE_URL',
]

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Option } from 'commander'
import type { Target } from '../../api/schemas/access.ts'
import type { ListenerInfo } from '../../protocols/client-half.ts'
import { clientHalves } from '../../protocols/client.ts'
import { wordsOf } from '../../protocols/names.ts'
import { UsageError } from '../../shared/errors.ts'
import { visible } from '../../shared/visible.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import { isService, type CliContext } from '../context.ts'
import { addAccessOptions, ensureGrant, type AccessOptions } from '../open-target.ts'
import {
  failureFor,
  settingsBetween,
  settingsFor,
  SHELLS,
  usualShell,
  type Settings,
  type Shell,
} from '../shell-settings.ts'
import { knownType } from '../known-type.ts'
import { targetNamed } from '../target-named.ts'

interface EnvOptions extends AccessOptions {
  readonly shell?: Shell
  readonly close?: boolean
  readonly json?: boolean
}

/** `eval "$(pamctl env TARGET)"`: programs of this shell find the target, for as long as the access lasts. */
export const env: AddCommand = (program, run) => {
  const command = program
    .command('env <target>')
    .description(
      'keep a local port to a target open until your access ends, and print environment variables with which programs find it',
    )
    .addOption(
      new Option('--shell <shell>', 'shell to print variables for (default: the one in $SHELL, otherwise sh)').choices(
        SHELLS,
      ),
    )
    .option('--close', 'close the port, and print what removes the variables')
  addAccessOptions(command).addOption(jsonOption().conflicts('shell')).action(run(runEnv))
}

async function runEnv(context: CliContext, name: string, options: EnvOptions): Promise<void> {
  const { environment, io } = context
  const shell = options.json === true ? 'json' : (options.shell ?? usualShell(environment, process.platform))
  try {
    const settings = await (options.close === true ? closePort(context, name) : keepPort(context, name, options))
    if (shell === 'json')
      io.json({
        target: name,
        ...(settings.endsAt === undefined ? {} : { endsAt: settings.endsAt }),
        ...(settings.port === undefined ? {} : { port: settings.port }),
        environment: Object.fromEntries([...settings.variables].map(([key, value]) => [key, value ?? null])),
      })
    else io.script(settingsFor(shell, settings.variables))
  } catch (error) {
    // In `eval "$(…)"` the exit code of this program is lost.
    if (shell !== 'json') io.script(failureFor(shell))
    throw error
  }
}

interface EnvironmentOfPort {
  readonly variables: Settings
  readonly port?: number
  readonly endsAt?: string
}

async function keepPort(context: CliContext, name: string, options: EnvOptions): Promise<EnvironmentOfPort> {
  const { io, environment } = context
  if (isService(context))
    throw new UsageError(
      'pamctl env is not available to services',
      `run the program with pamctl: pamctl connect ${name} -- COMMAND`,
    )
  const api = await context.client()
  const targets = await api.targets()
  const target = targetNamed(targets, name)
  // Before anybody is asked for access that is of no use.
  environmentOf(target)
  if (target.grant === 'request') await ensureGrant(context, api, targets, name, options)
  const agent = await context.agent()
  const { listener, endsAt } = await agent.call('keep-port', {
    profile: await context.profile(),
    target: name,
    protocol: target.type,
    ...(options.port === undefined ? {} : { port: options.port }),
  })
  if (listener.usualPort !== undefined)
    io.note(`pamctl: port ${listener.usualPort}, usual for ${name}, is in use; using ${listener.port}`)
  const until = endsAt === undefined ? 'as long as your standing access lasts' : `until ${io.clock(endsAt)}`
  io.note(visible(`${name} is on 127.0.0.1:${listener.port} ${until}; to close it: pamctl env ${name} --close`))
  const directory = directoryOf(context, api.gateway, target)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const wanted = environmentOf(target)({ target, listener, directory, inherited: withoutOwn(environment, directory) })
  return {
    variables: settingsBetween(environment, wanted),
    port: listener.port,
    ...(endsAt === undefined ? {} : { endsAt }),
  }
}

async function closePort(context: CliContext, name: string): Promise<EnvironmentOfPort> {
  const { io, environment } = context
  const agent = await context.agent()
  const { closed } = await agent.call('close-kept-port', { profile: await context.profile(), target: name })
  io.note(closed ? `closed the port of ${name}` : `no port of ${name} is kept open`)
  const api = await context.client()
  const target = targetNamed(await api.targets(), name)
  const present = variablesOf(target).filter((variable) => environment[variable] !== undefined)
  return { variables: new Map(present.toSorted().map((variable) => [variable, undefined])) }
}

/** The variables that are set for a target. */
function variablesOf(target: Target): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-'))
  try {
    const found = environmentOf(target)({ target, listener: CLOSED, directory, inherited: {} })
    return Object.keys(found).filter((variable) => !SHARED.has(variable))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What the protocol has for it. */
function environmentOf({ name, type }: Target) {
  const known = knownType({ name, type })
  const found = clientHalves[known].environment
  if (found !== undefined) return found
  const { article, label } = wordsOf(known)
  throw new UsageError(
    `${name} is ${article} ${label} target, and ${label} programs take no target from the environment`,
    type === 'ssh'
      ? 'let ssh find your targets by name: pamctl ssh-config --install'
      : `open a port: pamctl connect ${name}`,
  )
}

/** Files stay when the port is closed: their secret is then good for nothing, and a kubeconfig that is missing leads kubectl elsewhere. */
const directoryOf = ({ paths }: CliContext, gateway: string, { name }: Target): string =>
  join(paths().home, 'env', `${name}@${new URL(gateway).host.replaceAll(/[^a-z0-9.-]/g, '_')}`)

/** Without what an earlier `pamctl env` of the same target has set. */
const withoutOwn = (environment: NodeJS.ProcessEnv, directory: string): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.startsWith(directory) !== true))

const CLOSED: ListenerInfo = {
  host: '',
  port: 0,
  secret: '',
  socketDirectory: '/',
  tls: { authority: '', certificate: '', key: '' },
}
/** Variables of others, to which something was added. */
const SHARED: ReadonlySet<string> = new Set(['NO_PROXY', 'no_proxy'])

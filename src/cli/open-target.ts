import { Option, type Command } from 'commander'
import { agentGone, type AgentConnection } from '../agent/control-client.ts'
import type { AccessRequest, Target } from '../api/schemas/access.ts'
import type { ApiClient } from '../gateway-client/api-client.ts'
import type { ListenerInfo } from '../protocols/client-half.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { visible, visibleInLine } from '../shared/visible.ts'
import { durationOption, forHowLong, integer } from './command.ts'
import type { CliContext } from './context.ts'
import { targetNamed } from './target-named.ts'
import type { Io } from './output/io.ts'
import {
  needApproved,
  noteApproved,
  noteFiled,
  reasonFor,
  waitForRequest,
  type OpenRequest,
  type ReasonOptions,
} from './wait-for-request.ts'

/** What a verb that opens a port can be told of the access and of the port. */
export interface AccessOptions extends ReasonOptions {
  readonly for?: number
  readonly port?: number
  readonly wait?: boolean
}

/** `port: false`: for a verb whose port is its own. */
export function addAccessOptions(command: Command, { port = true } = {}): Command {
  command
    .addOption(durationOption('--for <duration>', 'duration to request', 'PAMCTL_FOR'))
    .addOption(new Option('--reason <text>', 'reason for the request').env('PAMCTL_REASON'))
    .addOption(new Option('--edit', 'write the reason in your editor'))
  if (port)
    command.addOption(new Option('--port <port>', 'local port to listen on').env('PAMCTL_PORT').argParser(integer))
  return command.addOption(new Option('--wait', 'wait for approval even without a terminal').env('PAMCTL_WAIT'))
}

/** Has the agent open a target's port, or share the one that is open, for as long as this command runs. `own`: for the client that it runs. */
export async function openPort(
  context: CliContext,
  agent: AgentConnection,
  { name, type }: Target,
  options: AccessOptions,
  own = false,
): Promise<ListenerInfo> {
  const listener = await agent.call('listen', {
    profile: await context.profile(),
    target: name,
    protocol: type,
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(own ? { own } : {}),
  })
  if (listener.usualPort !== undefined && !own)
    context.io.note(`pamctl: port ${listener.usualPort}, usual for ${name}, is in use; using ${listener.port}`)
  return listener
}

/** Until Ctrl-C, by which the port is closed. */
export async function untilInterrupted(agent: AgentConnection, io: Io): Promise<void> {
  io.note('Ctrl-C closes it')
  const forever = setInterval(() => {}, 1 << 30)
  await new Promise<void>((resolve, reject) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
    agent.onClose(() => reject(agentGone()))
  }).finally(() => clearInterval(forever))
}

/** A current grant, or one that is asked for and waited for. */
export async function ensureGrant(
  context: CliContext,
  api: ApiClient,
  targets: readonly Target[],
  name: string,
  options: AccessOptions,
): Promise<void> {
  const { io } = context
  if (await hasGrant(api, name, io)) return
  try {
    await requestGrant(context, api, targets, name, options)
  } catch (error) {
    // Another command of the same person got it meanwhile.
    if (asPamError(error).code !== 'ALREADY_GRANTED' || !(await hasGrant(api, name, io))) throw error
  }
}

async function hasGrant(api: ApiClient, name: string, io: Io): Promise<boolean> {
  const { items } = await api.grants.list({ active: true, limit: 100 })
  const current = items.find((grant) => grant.target === name && grant.state === 'active')
  if (current !== undefined) io.note(`access to ${name} until ${io.clock(current.endsAt)} (${current.id})`)
  return current !== undefined
}

async function requestGrant(
  context: CliContext,
  api: ApiClient,
  targets: readonly Target[],
  name: string,
  options: AccessOptions,
): Promise<void> {
  const { io } = context
  const waiting = await waitingRequest(api, name)
  if (waiting === undefined && !io.interactive && options.reason === undefined && options.edit !== true)
    await needNoEndedGrant(api, targetNamed(targets, name), io)
  const reason =
    waiting === undefined ? await reasonFor(context, targets, { names: [name] }, options) : (options.reason ?? '')
  const open = async (): Promise<OpenRequest> => {
    if (waiting !== undefined) return resumed(waiting, options, io)
    try {
      const asked = {
        target: name,
        unlessHeld: true,
        reason,
        ...(options.for === undefined ? {} : { lengthMs: options.for }),
      }
      const made = await api.requests.create(asked)
      noteFiled(io, made, 'requested access', ' …')
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
    if (request.state === 'approved') return noteApproved(io, request)
    throw new PamError('REQUEST_PENDING', `${request.id} waits for approval`, {
      hint: 'run this again once it is approved, or give --wait',
      id: request.id,
    })
  }
  needApproved(await waitForRequest(api, open, io))
}

/** A script whose access has ended is told so, rather than that a reason is missing. */
async function needNoEndedGrant(api: ApiClient, { name, reasonRequired }: Target, io: Io): Promise<void> {
  if (!reasonRequired) return
  const { items } = await api.grants.list({ limit: 100 })
  const last = items.find((grant) => grant.target === name)
  if (last === undefined) return
  const ended =
    last.revoked === undefined
      ? `ended at ${io.clock(last.endsAt)}`
      : `was revoked at ${io.clock(last.revoked.at)} by ${last.revoked.by}`
  throw new PamError(
    last.revoked === undefined ? 'GRANT_OVER' : 'GRANT_REVOKED',
    visible(`your access to ${name} ${ended}`),
    {
      hint: 'to request it again, give --reason "…"',
      id: last.id,
    },
  )
}

/** Whether a target is one of those requested. */
const isFor = ({ target, targets }: AccessRequest, name: string): boolean =>
  targets?.some((one) => one.name === name) ?? target === name

async function waitingRequest(api: ApiClient, target: string): Promise<AccessRequest | undefined> {
  const { items } = await api.requests.list({ limit: 100, mine: true })
  return items.find((request) => isFor(request, target) && request.state === 'pending')
}

/** Says which request is waited for, and what of this command does not count. */
function resumed(request: AccessRequest, options: AccessOptions, io: Io): OpenRequest {
  const reason = request.reason === '' ? '' : `: ${request.reason}`
  io.note(
    visible(
      `already requested: ${request.id}, ${io.age(request.createdAt)}, for ${forHowLong(request.lengthMs)}${reason}`,
    ),
  )
  if (request.people !== undefined) io.note(visibleInLine(`people decide: ${request.people}`))
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

/** Options that make another pamctl use the same login. */
export async function loginOptions(
  { options, profile }: Pick<CliContext, 'options' | 'profile'>,
  gateway: string,
): Promise<string[]> {
  return [
    '--profile',
    await profile(),
    '--gateway',
    gateway,
    ...(options.ca === undefined ? [] : ['--ca', options.ca]),
    ...(options.tokenFile === undefined ? [] : ['--token-file', options.tokenFile]),
  ]
}

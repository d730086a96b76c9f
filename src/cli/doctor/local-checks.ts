import { lstatSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { runningAgent } from '../../agent/control-client.ts'
import type { AgentStatus } from '../../agent/control-messages.ts'
import type { Paths } from '../../agent/paths.ts'
import { variable } from '../../shared/environment.ts'
import { PAMCTL } from '../../shared/own-program.ts'
import { VERSION } from '../../shared/version.ts'
import { failed, ok, warning, type Finding } from './check.ts'
import { runProgram } from './run-program.ts'

/** pamctl's own directories, and what is in them. `paths` throws where a directory is not ours alone. */
export function checkDirectory(paths: () => Paths): Finding {
  const { home } = paths()
  if (process.platform === 'win32') return ok(home)
  const { uid } = userInfo()
  for (const name of readdirSync(home)) {
    const file = join(home, name)
    const stat = lstatSync(file, { throwIfNoEntry: false })
    if (stat === undefined || stat.isSymbolicLink()) continue
    if (stat.uid !== uid) return failed(`${file} belongs to another user (${stat.uid})`, `remove it: rm ${file}`)
    if ((stat.mode & 0o077) === 0) continue
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
    const problem = `${file} is accessible to other users (mode ${mode})`
    return (HAS_SECRETS.test(name) ? failed : warning)(problem, `chmod go= ${file}`)
  }
  return ok(`${home} is yours alone`)
}

const HAS_SECRETS = /^(?:secrets\.json|service-key-)/

/** What the agent says of itself; undefined where none runs. It is not started for this. */
export async function agentStatus(paths: Paths, signal: AbortSignal): Promise<AgentStatus | undefined> {
  const connection = await runningAgent(paths)
  if (connection === undefined) return undefined
  signal.addEventListener('abort', () => connection.close())
  try {
    return await connection.call('status', {})
  } finally {
    connection.close()
  }
}

/** The agent's socket and version. */
export async function checkAgent({ control }: Paths, answer: Promise<AgentStatus | undefined>): Promise<Finding> {
  const stat = lstatSync(control, { throwIfNoEntry: false })
  if (stat !== undefined && process.platform !== 'win32') {
    const { uid } = userInfo()
    if (!stat.isSocket()) return failed(`${control} is not a socket`, `remove it: rm ${control}`)
    if (stat.uid !== uid) return failed(`${control} belongs to another user (${stat.uid})`, `remove it: rm ${control}`)
    if ((stat.mode & 0o077) !== 0) return failed(`${control} is accessible to other users`, RESTART)
  }
  const status = await answer
  if (status === undefined) return ok('not running; it starts by itself when it is needed')
  if (status.version !== VERSION)
    return failed(`version ${status.version} is running, and this is pamctl ${VERSION}`, RESTART)
  return ok(`running (version ${status.version}, process ${status.pid}); its socket is yours alone`)
}

const RESTART = 'stop it, and the next command starts a new one: pamctl agent stop'

/** Whether ports can be opened here, and which the agent has open. */
export async function checkPorts(agent: Promise<AgentStatus | undefined>): Promise<Finding> {
  const problem = await new Promise<string | undefined>((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host: '127.0.0.1', port: 0 }, () => server.close(() => resolve(undefined)))
  })
  if (problem !== undefined)
    return failed(`cannot open a port on 127.0.0.1 (${problem})`, 'allow programs of yours to listen on loopback')
  const open = ((await agent)?.listeners ?? []).filter(({ port }) => port > 0)
  if (open.length === 0) return ok('none open')
  const list = open.map(
    ({ target, port, tunnels }) => `${target} on 127.0.0.1:${port} (${tunnels} connection${tunnels === 1 ? '' : 's'})`,
  )
  return ok(list.join(', '))
}

/** Which store keeps logins. The keychain's library blocks while it is locked: it is asked in a process that can be ended. */
export async function checkSecretStore(
  { environment, secrets }: { readonly environment: NodeJS.ProcessEnv; readonly secrets: string },
  signal: AbortSignal,
): Promise<Finding> {
  const choice = variable(environment, 'PAMCTL_SECRET_STORE')
  if (choice === 'file') return ok(`logins are kept in ${secrets}, as PAMCTL_SECRET_STORE says`)
  const { PAMCTL_TOKEN: _token, ...own } = environment
  const output = await runProgram(process.execPath, [PAMCTL, 'doctor-secret-store'], own, signal)
  const answer = output?.text.trim()
  if (answer === 'keychain') return ok('logins are kept in the keychain of the operating system')
  if (answer === 'file')
    return warning(
      `there is no usable keychain: logins are kept in ${secrets}, readable by you alone`,
      'unlock or install a keychain (on Linux, one with the Secret Service API), or set PAMCTL_SECRET_STORE=file',
    )
  return failed(
    'the keychain cannot be used: there is none, or it is locked',
    'unlock it, or set PAMCTL_SECRET_STORE=file',
  )
}

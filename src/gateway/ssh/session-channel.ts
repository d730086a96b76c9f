import type { ClientChannel, PseudoTtyInfo, ServerChannel, Session as SshSession } from 'ssh2'
import { PamError } from '../../shared/errors.ts'
import { within } from '../../shared/within.ts'
import type { Decision } from '../engine.ts'
import { draftOf, type HostCommand } from './command-draft.ts'
import type { HostConnection } from './connection.ts'
import { hostStatement } from './command/host-statement.ts'
import { startRelay, type Filter, type RelayParts } from './relay.ts'
import { throughLinks } from './sftp-paths.ts'
import { ScpFilter } from './scp-filter.ts'
import { SftpRelay } from './sftp-relay.ts'

/** Ends what a channel runs; resolves with whether it is surely gone. */
export interface OpenChannel {
  end(reason: PamError): Promise<boolean>
}

/** One session channel (RFC 4254, section 6), from its opening to its end. */
export function serveSessionChannel(ssh: SshSession, host: HostConnection, name: string): void {
  const { session } = host
  const environment: Record<string, string> = {}
  const refusedFeatures: string[] = []
  let terminal: PseudoTtyInfo | undefined
  let upstream: ClientChannel | undefined
  let withdraw: (() => void) | undefined

  ssh.on('env', (accept, reject, { key, val }: { key: string; val: string }) => {
    const isAllowed = session.config.environment.some((pattern) =>
      pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : key === pattern,
    )
    // A shell may evaluate what stands in a variable: nothing but a plain value is passed on.
    if (!isAllowed || !/^[\w.@:/+,=-]{0,256}$/.test(val) || Object.keys(environment).length >= MOST_VARIABLES)
      return reject?.()
    environment[key] = val
    accept?.()
  })
  ssh.on('pty', (accept, _reject, info) => {
    terminal = info
    accept?.()
  })
  ssh.on('window-change', (accept, _reject, { rows, cols, height, width }) => {
    if (terminal === undefined) return
    terminal = { ...terminal, rows, cols, height, width }
    if (upstream !== undefined) {
      host.guard(() => session.recorder.outcome({ type: 'resize', channel: name, columns: cols, rows }))
      upstream.setWindow(rows, cols, height, width)
    }
    accept?.()
  })
  ssh.on('signal', (accept, _reject, info) => {
    const signal = info.name
    if (withdraw !== undefined && /^(INT|TERM|HUP|QUIT|KILL)$/.test(signal)) withdraw()
    else if (upstream !== undefined) sendSignal(upstream, signal)
    accept?.()
  })
  ssh.on('auth-agent', (_accept, reject) => {
    refusedFeatures.push('forwarding of the authentication agent is not carried')
    reject?.()
  })
  ssh.on('x11', (_accept, reject) => {
    refusedFeatures.push('forwarding of X11 is not carried')
    reject?.()
  })
  // Accepted at once: a client without input ends it right away, and the library takes no channel after that.
  ssh.on('shell', (accept) => void start(accept(), () => shellCommand()))
  ssh.on('exec', (accept, _reject, { command }) => void start(accept(), () => execCommand(command)))
  ssh.on('subsystem', (accept, reject: (() => void) | undefined, { name: subsystem }) => {
    // Whoever wants no reply gets none.
    if (subsystem !== 'sftp') return reject?.()
    void startSftp(accept())
  })

  async function start(client: ServerChannel | undefined, read: () => Promise<HostCommand>): Promise<void> {
    if (client === undefined) return
    const say = (text: string): void =>
      void client.stderr.write(`pam: ${text}${terminal === undefined ? '\n' : '\r\n'}`)
    client.on('error', () => {})
    client.once('close', () => withdraw?.())
    const waiting: OpenChannel = {
      end(reason) {
        say(reason.message)
        client.exit(255)
        client.end()
        return Promise.resolve(true)
      },
    }
    host.channels.add(waiting)
    try {
      for (const feature of refusedFeatures) say(feature)
      const command = await read()
      const draft = draftOf(command, session, read)
      const decision = session.decide(draft)
      const verdict = await settled(decision, client, say)
      // It has been told already why it is over.
      if (session.ended.aborted) return
      if (verdict.type === 'refuse') {
        const { message, hint, code } = verdict.error
        say(message)
        if (hint !== undefined) say(hint)
        client.exit(code === 'HOLD_WITHDRAWN' ? 130 : 126)
        return void client.end()
      }
      const transfer = command.facts.statements.every(({ kinds }) => kinds[0]?.startsWith('file-') === true)
      const opened = await openUpstream(command)
      host.channels.delete(waiting)
      upstream = opened
      run(client, opened, verdict.id, transfer && /^(\S*\/)?(scp|rsync|git-)/.test(command.text), command)
    } catch (error) {
      host.failed(error)
      say(error instanceof PamError ? error.message : 'the target did not run it')
      client.exit(255)
      client.end()
    } finally {
      host.channels.delete(waiting)
    }
  }

  function run(
    client: ServerChannel,
    opened: ClientChannel,
    command: string,
    isTransfer: boolean,
    { text, facts }: HostCommand,
  ): void {
    if (terminal !== undefined)
      session.recorder.outcome({ type: 'resize', channel: name, columns: terminal.cols, rows: terminal.rows })
    const scp = isTransfer && text.startsWith('scp ') ? scpFilters(facts) : undefined
    const parts: RelayParts = {
      session,
      client,
      upstream: opened,
      command,
      name,
      terminal: terminal !== undefined,
      isTransfer,
      ...scp,
    }
    track(opened, startRelay(parts))
  }

  /** The old protocol of scp: files are taken down as they pass, and each is judged under its own name. */
  function scpFilters({
    statements: [statement],
  }: HostCommand['facts']): { fromClient: Filter } | { fromUpstream: Filter } {
    const takes = (statement?.writes.length ?? 0) > 0
    const path = (takes ? statement?.writes[0] : statement?.reads[0]) ?? '**'
    const filter = new ScpFilter(session, takes ? 'write' : 'read', path)
    return takes ? { fromClient: filter } : { fromUpstream: filter }
  }

  function track(opened: ClientChannel, relay: { readonly over: Promise<void>; say(text: string): void }): void {
    const entry: OpenChannel = {
      async end(reason) {
        relay.say(`${terminal === undefined ? '' : '\n'}pam: ${reason.message}\n`)
        return endProcess(opened)
      },
    }
    host.channels.add(entry)
    void relay.over.finally(() => {
      host.channels.delete(entry)
      upstream = undefined
    })
  }

  /** A held command waits here: nothing of it has gone anywhere. Ctrl-C, or leaving, withdraws it. */
  async function settled(decision: Decision, client: ServerChannel, say: (text: string) => void) {
    if (decision.type !== 'hold') return decision
    say(decision.notice)
    withdraw = () => decision.withdraw()
    if (!client.writable) withdraw()
    const early: Buffer[] = []
    const listen = (bytes: Buffer): void => {
      if (bytes.includes(INTERRUPT)) return decision.withdraw()
      early.push(bytes)
      if (early.reduce((sum, { length }) => sum + length, 0) > MOST_EARLY) client.pause()
    }
    if (terminal !== undefined) client.on('data', listen)
    const verdict = await decision.verdict
    withdraw = undefined
    if (terminal !== undefined) {
      client.removeListener('data', listen)
      client.pause()
      if (early.length > 0) client.unshift(Buffer.concat(early))
    }
    if (verdict.type === 'forward') say('approved')
    return verdict
  }

  async function startSftp(client: ServerChannel): Promise<void> {
    try {
      client.on('error', () => {})
      const opened = await new Promise<ClientChannel>((resolve, reject) =>
        host.upstream.subsys('sftp', (error, channel) => (error === undefined ? resolve(channel) : reject(error))),
      )
      track(opened, new SftpRelay({ session, client, upstream: opened, paths: host.paths, name }))
    } catch (error) {
      host.failed(error)
      client.stderr.write('pam: the target did not start sftp\n')
      client.exit(255)
      client.end()
    }
  }

  async function execCommand(text: string): Promise<HostCommand> {
    const home = await host.paths.home()
    const { shell, reader } = host.commands
    const facts = await reader.read(text, { login: session.lease.user, home, shell, resolvesPaths: true })
    return { text, facts: await throughLinks(facts, host.paths), context: context() }
  }

  function shellCommand(): Promise<HostCommand> {
    const { user } = session.lease
    return Promise.resolve({
      text: `interactive shell as ${user}`,
      facts: { type: 'shell', statements: [hostStatement(user, { kinds: ['shell'], named: true })] },
      context: context(),
      notes: ['what is typed into it is recorded, and not judged'],
    })
  }

  function context(): Record<string, string> {
    return {
      environment: JSON.stringify(Object.entries(environment).toSorted(([one], [other]) => (one < other ? -1 : 1))),
      terminal: terminal === undefined ? 'no' : 'yes',
    }
  }

  function openUpstream({ text, facts }: HostCommand): Promise<ClientChannel> {
    const pty = terminal && { ...terminal, term: termOf(terminal) }
    return new Promise((resolve, reject) => {
      const opened = (error: Error | undefined, channel: ClientChannel): void =>
        error === undefined ? resolve(channel) : reject(error)
      if (facts.type === 'shell') host.upstream.shell(pty ?? false, { env: environment }, opened)
      else host.upstream.exec(text, { env: environment, ...(pty === undefined ? {} : { pty }) }, opened)
    })
  }
}

/** The library's type leaves it out. */
const termOf = (info: PseudoTtyInfo): string => {
  const { term } = info as { term?: string }
  return term !== undefined && /^[\w.+-]{1,64}$/.test(term) ? term : 'vt100'
}

/** TERM, then KILL, then the channel is closed, which hangs a terminal up. Resolves with whether it has ended. */
async function endProcess(channel: ClientChannel): Promise<boolean> {
  const gone = new Promise<true>((resolve) => {
    channel.once('exit', () => resolve(true))
    channel.once('close', () => resolve(true))
  })
  channel.resume()
  channel.stderr.resume()
  for (const signal of ['HUP', 'TERM'] as const) sendSignal(channel, signal)
  let isGone = await within(gone, GRACE)
  if (!isGone) {
    sendSignal(channel, 'KILL')
    isGone = await within(gone, GRACE)
  }
  channel.close()
  return isGone
}

/** The library's own `signal` does nothing once the input has ended, which most commands have at once. */
function sendSignal(channel: ClientChannel, name: string): void {
  const { _client: client, outgoing } = channel as unknown as {
    _client: { _protocol: { signal(id: number, name: string): void } }
    outgoing: { id: number; state: string }
  }
  // It throws for names that it does not know, and these come from the client.
  if (!SIGNALS.has(name)) return
  if (outgoing.state === 'open' || outgoing.state === 'eof') client._protocol.signal(outgoing.id, name)
}

/** RFC 4254, section 6.10. */
const SIGNALS = new Set('ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 USR2'.split(' '))
const INTERRUPT = 0x03
const MOST_VARIABLES = 50
/** Bytes typed while a command is held. */
const MOST_EARLY = 64 * 1024
/** Milliseconds between TERM and KILL, and that KILL has. */
const GRACE = 1000

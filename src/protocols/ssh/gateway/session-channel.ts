import type { PseudoTtyInfo, ServerChannel, Session as SshSession } from 'ssh2'
import { PamError } from '../../../shared/errors.ts'
import { within } from '../../../shared/within.ts'
import type { Decision } from '../../../gateway/engine.ts'
import { draftOf, type HostCommand } from './command-draft.ts'
import type { HostConnection, OpenChannel } from './host-connection.ts'
import { hostStatement } from '../command/host-statement.ts'
import { printable } from './printable.ts'
import { startRelay, type Filter, type RelayParts } from './relay.ts'
import { throughLinks } from '../transfer/sftp-paths.ts'
import { ScpTransfer } from '../transfer/scp-transfer.ts'
import { SftpRelay } from '../transfer/sftp-relay.ts'
import { answer, END_OF_OUTPUT, rawRequests, sendExit } from './ssh2-internals.ts'
import { RefusedByTarget, TargetChannel, type Terminal } from './target-channel.ts'

/** One session channel (RFC 4254, section 6), from its opening to its end, and the one on the target that belongs to it. */
export function serveSessionChannel(
  ssh: SshSession,
  host: HostConnection,
  { name, target }: { readonly name: string; readonly target: TargetChannel },
): void {
  const { session } = host
  const environment: Record<string, string> = {}
  const refusedFeatures: string[] = []
  let terminal: Terminal | undefined
  let hasStarted = false
  let isRunning = false
  let withdraw: (() => void) | undefined

  ssh.on('env', (accept, reject, { key, val }: { key: string; val: string }) => {
    const isAllowed = session.config.environment.some((pattern) =>
      pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : key === pattern,
    )
    // A shell may evaluate what stands in a variable: nothing but a plain value is passed on.
    const isPlain = /^[A-Za-z_]\w{0,127}$/.test(key) && /^[\w.@:/+,=-]{0,256}$/.test(val)
    if (!isAllowed || !isPlain || Object.keys(environment).length >= MOST_VARIABLES) return reject?.()
    environment[key] = val
    accept?.()
  })
  ssh.on('pty', (accept, _reject, info) => {
    const { cols, rows, width, height } = info
    terminal = { term: termOf(info), cols, rows, width, height, modes: rawRequests(ssh).modes ?? Buffer.alloc(0) }
    accept?.()
  })
  ssh.on('window-change', (accept, reject, { rows, cols, height, width }) => {
    if (terminal === undefined) return reject?.()
    terminal = { ...terminal, rows, cols, height, width }
    if (isRunning) {
      host.guard(() => session.recorder.outcome({ type: 'resize', channel: name, columns: cols, rows }))
      target.resize(terminal)
    }
    accept?.()
  })
  ssh.on('signal', (accept, _reject, info) => {
    const signal = info.name
    if (withdraw !== undefined && /^(INT|TERM|HUP|QUIT|KILL)$/.test(signal)) withdraw()
    else if (isRunning) target.signal(signal)
    accept?.()
  })
  ssh.on(END_OF_OUTPUT as 'end', () => {
    if (isRunning) target.endOutput()
  })
  ssh.on('auth-agent', (_accept, reject) => {
    refusedFeatures.push('agent forwarding is not supported')
    reject?.()
  })
  ssh.on('x11', (_accept, reject) => {
    refusedFeatures.push('X11 forwarding is not supported')
    reject?.()
  })
  // The channel is taken at once: a client without input ends it right away, and the library takes none after that. Whether
  // the request was taken is answered once that is known.
  ssh.on('shell', (accept) => void start(accept(), () => shellCommand()))
  ssh.on('exec', (accept) => void start(accept(), () => execCommand(rawRequests(ssh).command ?? Buffer.alloc(0))))
  ssh.on('subsystem', (accept, _reject, { name: subsystem }) => {
    if (subsystem === 'sftp') void startSftp(accept())
    else answer(ssh, false)
  })
  ssh.once('close', () => {
    if (!hasStarted) target.close()
  })

  async function start(client: ServerChannel | undefined, read: () => Promise<ShellCommand>): Promise<void> {
    if (client === undefined) return
    hasStarted = true
    let isAnswered = false
    const take = (): void => {
      isAnswered = true
      answer(ssh, true)
    }
    const say = (text: string): void => {
      take()
      client.stderr.write(`pam: ${text}${terminal === undefined ? '\n' : '\r\n'}`)
    }
    const finish = (code: number): void => {
      target.close()
      sendExit(client, { code })
      client.end()
    }
    client.on('error', () => {})
    client.once('close', () => withdraw?.())
    const waiting: OpenChannel = {
      end(reason) {
        say(reason.message)
        finish(255)
        return Promise.resolve(true)
      },
    }
    host.channels.add(waiting)
    try {
      for (const notice of [...host.notices.splice(0), ...refusedFeatures]) say(notice)
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
        return finish(code === 'HOLD_WITHDRAWN' ? 130 : 126)
      }
      const transfer = command.facts.statements.every(({ kinds }) => kinds[0]?.startsWith('file-') === true)
      await startOnTarget(command)
      take()
      host.channels.delete(waiting)
      run(client, verdict.id, transfer && /^(\S*\/)?(scp|rsync|git-)/.test(command.text), command)
    } catch (error) {
      host.failed(error)
      if (error instanceof RefusedByTarget && !isAnswered) {
        // As the target would have answered.
        answer(ssh, false)
        target.close()
        return void client.close()
      }
      say(
        error instanceof PamError || error instanceof RefusedByTarget
          ? error.message
          : 'the target could not start the command',
      )
      finish(255)
    } finally {
      host.channels.delete(waiting)
    }
  }

  function run(client: ServerChannel, command: string, isTransfer: boolean, { text, facts }: HostCommand): void {
    isRunning = true
    if (terminal !== undefined)
      session.recorder.outcome({ type: 'resize', channel: name, columns: terminal.cols, rows: terminal.rows })
    const scp =
      isTransfer && text.startsWith('scp ') ? scpTransfer(client, facts, (said) => relay.say(said)) : undefined
    const parts: RelayParts = {
      session,
      client,
      target,
      command,
      name,
      terminal: terminal !== undefined,
      isTransfer,
      ...scp,
    }
    const relay = startRelay(parts)
    track(relay)
  }

  /** The old protocol of scp: files are taken down as they pass, and each that is written is judged under its own name. */
  function scpTransfer(
    client: ServerChannel,
    { statements: [statement] }: HostCommand['facts'],
    say: (text: string) => void,
  ): { readonly fromClient: Filter; readonly fromUpstream: Filter } {
    const takes = (statement?.writes.length ?? 0) > 0
    const transfer = new ScpTransfer({
      session,
      paths: host.paths,
      operation: takes ? 'write' : 'read',
      named: (takes ? statement?.writes : statement?.reads) ?? [],
      say,
    })
    client.once('close', () => transfer.withdraw())
    return takes
      ? { fromClient: transfer.source, fromUpstream: transfer.sink }
      : { fromClient: transfer.sink, fromUpstream: transfer.source }
  }

  function track(relay: { readonly over: Promise<void>; say(text: string): void }): void {
    const entry: OpenChannel = {
      end(reason) {
        // Who has left has closed the channel: the target is told no more than sshd tells a program whose client left.
        if (reason.code === 'CLIENT_LEFT') return within(target.gone, GRACE)
        relay.say(`${terminal === undefined ? '' : '\n'}pam: ${reason.message}\n`)
        return endProcess(target)
      },
    }
    host.channels.add(entry)
    void relay.over.finally(() => {
      host.channels.delete(entry)
      isRunning = false
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

  async function startSftp(client: ServerChannel | undefined): Promise<void> {
    if (client === undefined) return
    hasStarted = true
    client.on('error', () => {})
    try {
      await target.startSubsystem('sftp')
      answer(ssh, true)
      track(new SftpRelay({ session, client, target, name }))
    } catch (error) {
      host.failed(error)
      answer(ssh, false)
      target.close()
      client.close()
    }
  }

  async function execCommand(bytes: Buffer): Promise<ShellCommand> {
    const { user } = session.lease
    const refusal = unusable(bytes)
    if (refusal !== undefined) {
      const text = `${printable(bytes.subarray(0, SHOWN_OF_REFUSED))}…`
      const statement = hostStatement(user, { kinds: ['exec'], unknown: [refusal.message] })
      return { text, facts: { type: 'exec', statements: [statement] }, context: context(), refusal, bytes }
    }
    const text = bytes.toString('utf8')
    if (!Buffer.from(text).equals(bytes)) {
      const statement = hostStatement(user, { kinds: ['exec'], unknown: ['it contains bytes that are not UTF-8'] })
      return {
        text: printable(bytes),
        facts: { type: 'exec', statements: [statement] },
        context: { ...context(), bytes: bytes.toString('base64') },
        notes: ['bytes that are not UTF-8 are shown as \\x and two digits'],
        bytes,
      }
    }
    const home = await host.paths.home()
    const { reader } = host.commands
    const shell = (await host.commands.shell()) ?? 'unanswered'
    const facts = await reader.read(text, { login: user, home, shell, resolvesPaths: true })
    return { text, facts: await throughLinks(facts, host.paths), context: context(), bytes }
  }

  function shellCommand(): Promise<ShellCommand> {
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

  async function startOnTarget({ bytes }: ShellCommand): Promise<void> {
    target.setEnvironment(environment)
    if (terminal !== undefined) await target.openTerminal(terminal)
    if (bytes === undefined) await target.shell()
    else await target.exec(bytes)
  }
}

/** A command with the bytes that the target gets; a shell has none. */
interface ShellCommand extends HostCommand {
  readonly bytes?: Buffer
}

/** Why no target could run it, whatever the rules say. */
function unusable(command: Buffer): PamError | undefined {
  if (command.length > LONGEST_COMMAND)
    return new PamError(
      'MESSAGE_TOO_LARGE',
      `a command of ${command.length} bytes is too long: ${LONGEST_COMMAND} bytes is the most that is carried`,
      { hint: 'send a script on standard input instead: ssh host sh < script' },
    )
  if (command.includes(0)) return new PamError('COMMAND_REFUSED', 'a command cannot contain a NUL byte')
  return undefined
}

/** The library's type leaves it out. */
const termOf = (info: PseudoTtyInfo): string => {
  const { term } = info as { term?: string }
  return term !== undefined && /^[\w.+-]{1,64}$/.test(term) ? term : 'vt100'
}

/** HUP and TERM, then KILL, then the channel is closed, which hangs a terminal up. Resolves with whether it has ended. */
async function endProcess(target: TargetChannel): Promise<boolean> {
  target.stream.resume()
  target.stream.stderr.resume()
  for (const signal of ['HUP', 'TERM'] as const) target.signal(signal)
  let isGone = await within(target.gone, GRACE)
  if (!isGone) {
    target.signal('KILL')
    isGone = await within(target.gone, GRACE)
  }
  target.close()
  return isGone
}

const INTERRUPT = 0x03
/** As many as OpenSSH's sshd takes. */
const MOST_VARIABLES = 128
/** Bytes: what Linux takes as one argument of a program (MAX_ARG_STRLEN), less the zero at its end. */
const LONGEST_COMMAND = 131_071
/** Bytes of a command that is refused unread, for the record. */
const SHOWN_OF_REFUSED = 1000
/** Bytes typed while a command is held. */
const MOST_EARLY = 64 * 1024
/** Milliseconds between TERM and KILL, and that KILL has. */
const GRACE = 1000

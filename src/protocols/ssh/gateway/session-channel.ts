import type { PseudoTtyInfo, ServerChannel, Session as SshSession } from 'ssh2'
import { PamError } from '../../../shared/errors.ts'
import { withTimeout } from '../../../shared/with-timeout.ts'
import type { Decision } from '../../../gateway/engine.ts'
import { whileHeld } from '../../../gateway/when-filed.ts'
import { draftOf, type HostCommand } from './command-draft.ts'
import { untilDecided, type Decided } from './held-channel.ts'
import type { HostConnection, OpenChannel } from './host-connection.ts'
import { startRelay, type Filter, type Relay } from './relay.ts'
import { execCommand, interactiveShell, isTransfer, type ChannelSettings, type ShellCommand } from './shell-command.ts'
import { ScpTransfer } from '../transfer/scp-transfer.ts'
import { SftpRelay } from '../transfer/sftp-relay.ts'
import { answer, END_OF_OUTPUT, rawRequests, sendExit } from './ssh2-internals.ts'
import { RefusedByTarget, type TargetChannel, type Terminal } from './target-channel.ts'

interface ChannelParts {
  /** Of the channel, in the record. */
  readonly name: string
  readonly target: TargetChannel
}

/** One session channel (RFC 4254, section 6), from its opening to its end, and the one on the target that belongs to it. */
export const serveSessionChannel = (ssh: SshSession, host: HostConnection, parts: ChannelParts): void =>
  new SessionChannel(ssh, host, parts).listen()

class SessionChannel {
  readonly #ssh: SshSession
  readonly #host: HostConnection
  readonly #name: string
  readonly #target: TargetChannel
  readonly #environment: Record<string, string> = {}
  readonly #refusedFeatures = new Set<string>()
  #terminal: Terminal | undefined
  #hasStarted = false
  #isRunning = false
  /** The client has closed the channel. */
  #hasLeft = false
  /** Takes back what is held. */
  #withdraw: (() => void) | undefined

  constructor(ssh: SshSession, host: HostConnection, { name, target }: ChannelParts) {
    this.#ssh = ssh
    this.#host = host
    this.#name = name
    this.#target = target
  }

  listen(): void {
    this.#listenForSettings()
    this.#listenForStarts()
    const ssh = this.#ssh
    ssh.on('signal', (accept, _reject, { name }) => {
      if (this.#withdraw !== undefined && /^(INT|TERM|HUP|QUIT|KILL)$/.test(name)) this.#withdraw()
      else if (this.#isRunning) this.#target.signal(name)
      accept?.()
    })
    ssh.on(END_OF_OUTPUT, () => {
      if (this.#isRunning) this.#target.endOutput()
      // Nobody will read what a held command says: its ssh has left a connection that others share.
      else this.#withdraw?.()
    })
    ssh.once('close', () => {
      // Told at once. The channel itself tells of it behind all that was sent, and nothing is read while something is held.
      this.#hasLeft = true
      this.#withdraw?.()
      if (!this.#hasStarted) this.#target.close()
    })
  }

  /** Requests that say how a program is to be started (RFC 4254, sections 6.2 to 6.4 and 6.7). */
  #listenForSettings(): void {
    const ssh = this.#ssh
    ssh.on('env', (accept, reject, { key, val }: { key: string; val: string }) => {
      // What was decided on has these settings: behind the request that starts a program they are too late.
      if (this.#hasStarted || !this.#takesVariable(key, val)) return reject?.()
      this.#environment[key] = val
      accept?.()
    })
    ssh.on('pty', (accept, reject, info) => {
      if (this.#hasStarted) return reject?.()
      const { cols, rows, width, height } = info
      const modes = rawRequests(ssh).modes ?? Buffer.alloc(0)
      this.#terminal = { term: termOf(info), cols, rows, width, height, modes }
      accept?.()
    })
    ssh.on('window-change', (accept, reject, { rows, cols, height, width }) => {
      if (this.#terminal === undefined) return reject?.()
      this.#terminal = { ...this.#terminal, rows, cols, height, width }
      if (this.#isRunning) {
        this.#host.guard(() => this.#recordSize())
        this.#target.resize(this.#terminal)
      }
      accept?.()
    })
    const refuse = (feature: string) => (_accept: unknown, reject?: () => void) => {
      this.#refusedFeatures.add(`${feature} is not supported`)
      reject?.()
    }
    ssh.on('auth-agent', refuse('agent forwarding'))
    ssh.on('x11', refuse('X11 forwarding'))
  }

  /**
   * Requests that start a program. The channel is taken at once: a client without input ends it right away, and the library takes
   * none after that. Whether the request was taken is answered once that is known.
   */
  #listenForStarts(): void {
    const ssh = this.#ssh
    ssh.on('shell', (accept) => {
      const { user } = this.#host.session.lease
      void this.#start(accept(), () => Promise.resolve(interactiveShell(user, this.#settings())))
    })
    ssh.on('exec', (accept) => {
      const bytes = rawRequests(ssh).command ?? Buffer.alloc(0)
      void this.#start(accept(), () => execCommand(bytes, this.#host, this.#settings()))
    })
    ssh.on('subsystem', (accept, _reject, { name }) => {
      if (name === 'sftp') void this.#startSftp(accept())
      else answer(ssh, false)
    })
  }

  #takesVariable(key: string, value: string): boolean {
    const isAllowed = this.#host.session.config.environment.some((pattern) =>
      pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : key === pattern,
    )
    // A shell may evaluate what stands in a variable: nothing but a plain value is passed on.
    const isPlain = /^[A-Za-z_]\w{0,127}$/.test(key) && /^[\w.@:/+,=-]{0,256}$/.test(value)
    return isAllowed && isPlain && Object.keys(this.#environment).length < MAX_VARIABLES
  }

  #settings(): ChannelSettings {
    return { environment: this.#environment, hasTerminal: this.#terminal !== undefined }
  }

  /** From the request to the program that runs on the target, or to what the client is told instead. */
  async #start(client: ServerChannel | undefined, read: () => Promise<ShellCommand>): Promise<void> {
    if (client === undefined) return
    const { session, channels, notices, failed } = this.#host
    this.#hasStarted = true
    const reply = new Reply(this.#ssh, client, this.#target, this.#terminal !== undefined)
    client.on('error', () => {})
    const waiting: OpenChannel = {
      end(reason) {
        reply.say(reason.message)
        reply.finish(255)
        return Promise.resolve(true)
      },
    }
    channels.add(waiting)
    try {
      for (const notice of [...notices.splice(0), ...this.#refusedFeatures]) reply.say(notice)
      const command = await read()
      const { verdict, typed } = await this.#decided(session.decide(draftOf(command, session, read)), client, reply)
      // It has been told already why it is over.
      if (session.ended.aborted) return
      if (verdict.type === 'refuse') return reply.refuse(verdict.error)
      await this.#startOnTarget(command)
      reply.take()
      channels.delete(waiting)
      this.#run(client, verdict.id, command, typed)
    } catch (error) {
      failed(error)
      reply.fail(error)
    } finally {
      channels.delete(waiting)
    }
  }

  async #decided(decision: Decision, client: ServerChannel, reply: Reply): Promise<Decided> {
    if (decision.type !== 'hold') return { verdict: decision, typed: Buffer.alloc(0) }
    this.#withdraw = () => decision.withdraw()
    if (this.#hasLeft) this.#withdraw()
    const decided = await whileHeld(
      decision,
      () => reply.say(decision.notice),
      untilDecided(decision, client, this.#terminal !== undefined),
    )
    this.#withdraw = undefined
    if (decided.verdict.type === 'forward') reply.say('approved')
    return decided
  }

  async #startOnTarget({ bytes }: ShellCommand): Promise<void> {
    this.#target.setEnvironment(this.#environment)
    if (this.#terminal !== undefined) await this.#target.openTerminal(this.#terminal)
    if (bytes === undefined) await this.#target.shell()
    else await this.#target.exec(bytes)
  }

  #run(client: ServerChannel, decision: string, command: HostCommand, typed: Buffer): void {
    this.#isRunning = true
    this.#recordSize()
    const transfers = isTransfer(command)
    const scp =
      transfers && command.text.startsWith('scp ')
        ? this.#scpTransfer(command.facts, (text) => relay.say(text))
        : undefined
    const relay = startRelay({
      session: this.#host.session,
      client,
      target: this.#target,
      command: decision,
      name: this.#name,
      terminal: this.#terminal !== undefined,
      isTransfer: transfers,
      typed,
      ...scp,
    })
    this.#track(relay)
  }

  #recordSize(): void {
    if (this.#terminal === undefined) return
    const { cols: columns, rows } = this.#terminal
    this.#host.session.recorder.outcome({ type: 'resize', channel: this.#name, columns, rows })
  }

  /** The old protocol of scp: files are taken down as they pass, and each that is written is judged under its own name. */
  #scpTransfer(
    { statements: [statement] }: HostCommand['facts'],
    say: (text: string) => void,
  ): { readonly fromClient: Filter; readonly fromUpstream: Filter } {
    const takes = (statement?.writes.length ?? 0) > 0
    const transfer = new ScpTransfer({
      session: this.#host.session,
      paths: this.#host.paths,
      operation: takes ? 'write' : 'read',
      named: (takes ? statement?.writes : statement?.reads) ?? [],
      say,
    })
    this.#withdraw = () => transfer.withdraw()
    if (this.#hasLeft) this.#withdraw()
    return takes
      ? { fromClient: transfer.source, fromUpstream: transfer.sink }
      : { fromClient: transfer.sink, fromUpstream: transfer.source }
  }

  async #startSftp(client: ServerChannel | undefined): Promise<void> {
    if (client === undefined) return
    const { session, failed } = this.#host
    this.#hasStarted = true
    client.on('error', () => {})
    try {
      await this.#target.startSubsystem('sftp')
      answer(this.#ssh, true)
      const relay = new SftpRelay({ session, client, target: this.#target, name: this.#name })
      this.#withdraw = () => relay.withdraw()
      if (this.#hasLeft) this.#withdraw()
      this.#track(relay)
    } catch (error) {
      failed(error)
      answer(this.#ssh, false)
      this.#target.close()
      client.close()
    }
  }

  #track(relay: Relay): void {
    const { channels } = this.#host
    const entry: OpenChannel = {
      end: (reason) => {
        // Who has left has closed the channel: the target is told no more than sshd tells a program whose client left.
        if (reason.code === 'CLIENT_LEFT') return withTimeout(this.#target.gone, HANG_UP_MS)
        relay.say(`${this.#terminal === undefined ? '' : '\n'}pam: ${reason.message}\n`)
        return endProcess(this.#target)
      },
    }
    channels.add(entry)
    void relay.over.finally(() => {
      channels.delete(entry)
      this.#isRunning = false
    })
  }
}

/** What the client is told of a request before a program runs. */
class Reply {
  readonly #ssh: SshSession
  readonly #client: ServerChannel
  readonly #target: TargetChannel
  readonly #lineEnd: string
  #isAnswered = false

  constructor(ssh: SshSession, client: ServerChannel, target: TargetChannel, hasTerminal: boolean) {
    this.#ssh = ssh
    this.#client = client
    this.#target = target
    this.#lineEnd = hasTerminal ? '\r\n' : '\n'
  }

  take(): void {
    this.#isAnswered = true
    answer(this.#ssh, true)
  }

  /** A request that something is said about was taken: text belongs to a program that runs. */
  say(text: string): void {
    this.take()
    this.#client.stderr.write(`pam: ${text}${this.#lineEnd}`)
  }

  finish(code: number): void {
    this.#target.close()
    sendExit(this.#client, { code })
    this.#client.end()
  }

  refuse({ message, hint, code }: PamError): void {
    this.say(message)
    if (hint !== undefined) this.say(hint)
    this.finish(code === 'HOLD_WITHDRAWN' ? 130 : 126)
  }

  fail(error: unknown): void {
    if (error instanceof RefusedByTarget && !this.#isAnswered) {
      // As the target would have answered.
      answer(this.#ssh, false)
      this.#target.close()
      this.#client.close()
      return
    }
    const isKnown = error instanceof PamError || error instanceof RefusedByTarget
    this.say(isKnown ? error.message : 'the target could not start the command')
    this.finish(255)
  }
}

const termOf = ({ term }: PseudoTtyInfo): string => (/^[\w.+-]{1,64}$/.test(term) ? term : 'vt100')

/** HUP and TERM, then KILL, then the channel is closed, which hangs a terminal up. Resolves with whether it has ended. */
async function endProcess(target: TargetChannel): Promise<boolean> {
  target.stream.resume()
  target.stream.stderr.resume()
  for (const signal of ['HUP', 'TERM'] as const) target.signal(signal)
  let isGone = await withTimeout(target.gone, GRACE_MS)
  if (!isGone) {
    target.signal('KILL')
    isGone = await withTimeout(target.gone, GRACE_MS)
  }
  target.close()
  return isGone
}

/** As many as OpenSSH's sshd takes. */
const MAX_VARIABLES = 128
/** Milliseconds between TERM and KILL, and that KILL has: both together less than a second, in which access has to be over. */
const GRACE_MS = 250
/** Milliseconds that a program has to notice that its client has left. */
const HANG_UP_MS = 1000

import type { Client, ClientChannel } from 'ssh2'
import { encodeSize, encodeTerminal, string, type TerminalSize } from '../wire/channel-request.ts'
import { openSession, request, type ExitSignal } from './ssh2-internals.ts'

/** How a program on the target ended; undefined where the target did not say. */
export type Exit = { readonly code: number } | ExitSignal | undefined

export interface Terminal extends TerminalSize {
  readonly term: string
  /** As the client sent them (RFC 4254, section 8). */
  readonly modes: Buffer
}

/**
 * A session channel of the target's. It listens from the moment the target confirms it: an exit status may come in one read
 * with all else, before anybody else could.
 */
export class TargetChannel {
  readonly stream: ClientChannel
  /** The program has ended, or the channel is closed. */
  readonly gone: Promise<true>
  #exit: Exit

  /** Rejects where the target refuses the channel, for example one more than its MaxSessions. */
  static open(client: Client): Promise<TargetChannel> {
    return new Promise((resolve, reject) =>
      openSession(client, (error, stream) =>
        stream === undefined ? reject(error ?? new Error('refused')) : resolve(new TargetChannel(stream)),
      ),
    )
  }

  private constructor(stream: ClientChannel) {
    this.stream = stream
    this.gone = new Promise((resolve) => {
      stream.on('exit', (code: number | null, signal?: string, core?: boolean | string, description?: string) => {
        this.#exit =
          code === null
            ? {
                signal: (signal ?? '').replace(/^SIG/, '').slice(0, MAX_SIGNAL_NAME),
                core: Boolean(core),
                description: (description ?? '').slice(0, MAX_DESCRIPTION),
              }
            : { code }
        resolve(true)
      })
      stream.on('close', () => resolve(true))
    })
    stream.on('error', () => {})
    stream.stderr.on('error', () => {})
  }

  get exit(): Exit {
    return this.#exit
  }

  setEnvironment(variables: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(variables))
      request(this.stream, 'env', Buffer.concat([string(name), string(value)]))
  }

  openTerminal(terminal: Terminal): Promise<void> {
    return this.#ask('pty-req', encodeTerminal(terminal, terminal.modes), 'the target refused to allocate a terminal')
  }

  exec(command: Buffer): Promise<void> {
    return this.#ask('exec', string(command), 'the target refused to run commands')
  }

  shell(): Promise<void> {
    return this.#ask('shell', Buffer.alloc(0), 'the target refused to start a shell')
  }

  startSubsystem(name: string): Promise<void> {
    return this.#ask('subsystem', string(name), `the target refused to start ${name}`)
  }

  resize(size: TerminalSize): void {
    request(this.stream, 'window-change', encodeSize(size))
  }

  /** Also after the end of input, which most commands have at once. */
  signal(name: string): void {
    if (SIGNALS.has(name)) request(this.stream, 'signal', string(name))
  }

  /** Nobody reads the output: what writes more finds its end closed. */
  endOutput(): void {
    request(this.stream, 'eow@openssh.com', Buffer.alloc(0))
  }

  /** As a client that leaves: a terminal is hung up, and what reads or writes finds the other end closed. */
  close(): void {
    this.stream.close()
  }

  #ask(type: string, data: Buffer, refusal: string): Promise<void> {
    return new Promise((resolve, reject) =>
      request(this.stream, type, data, (isTaken) => (isTaken ? resolve() : reject(new RefusedByTarget(refusal)))),
    )
  }
}

/** The target does not take a request. */
export class RefusedByTarget extends Error {}

/** Characters of what a target says about a signal. */
const MAX_SIGNAL_NAME = 100
const MAX_DESCRIPTION = 1000
/** RFC 4254, section 6.10: what programs may be sent. */
const SIGNALS = new Set('ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 USR2'.split(' '))

import type { ServerChannel } from 'ssh2'
import { PauseReasons } from '../../../shared/pause-reasons.ts'
import type { Session } from '../../../gateway/engine.ts'
import type { PamError } from '../../../shared/errors.ts'
import type { SshTarget } from '../target.ts'
import { sessionEndReason } from '../../../gateway/session-end-reason.ts'
import { ChannelWriter } from './channel-writer.ts'
import { isClosed, sendExit } from './ssh2-internals.ts'
import { MaskedOutput, PIPE_DELAY_MS, TERMINAL_DELAY_MS } from '../../../host/output/masked-output.ts'
import { ProcessLog, type OutputName, type ProcessEnd } from '../../../host/process-log.ts'
import { StreamMasking } from '../../../host/output/stream-masking.ts'
import { TypedText } from '../../../host/output/typed-text.ts'
import type { Exit, TargetChannel } from './target-channel.ts'

/** What looks at the bytes of a channel in one direction, and may keep some of them back. */
export interface Filter {
  push(bytes: Buffer): Buffer
  /** The stream is over. */
  end(): Buffer
  /** It waits for the other side or for a decision, and takes no more meanwhile. */
  readonly isHolding?: boolean
  /** What it took is being decided on, and `onFree` will be called, whatever the two sides do meanwhile. */
  readonly isDeciding?: boolean
  /** Called when it may go on: what it gives then is what `push` gives for nothing. */
  onFree?: () => void
}

export interface RelayParts {
  readonly session: Session<SshTarget>
  readonly client: ServerChannel
  readonly target: TargetChannel
  /** The decision that this is recorded under, and the name of the channel in the record. */
  readonly command: string
  readonly name: string
  readonly terminal: boolean
  /** Transfers of files are not altered and not kept: they are recorded as what they are. */
  readonly isTransfer: boolean
  /** What the client sent before this began. */
  readonly typed: Buffer
  readonly fromClient?: Filter
  readonly fromUpstream?: Filter
}

export interface Relay {
  readonly over: Promise<void>
  /** Says something on the client's side, beside what the target says. */
  say(text: string): void
}

/** Two pumps between two channels, with backpressure, until the target closes its side. */
export function startRelay(parts: RelayParts): Relay {
  const relay = new ChannelRelay(parts)
  relay.start()
  return relay
}

class ChannelRelay implements Relay {
  readonly over: Promise<void>
  readonly #parts: RelayParts
  readonly #toClient: ChannelWriter
  readonly #toUpstream: ChannelWriter
  readonly #outputs: Readonly<Record<OutputName, MaskedOutput>>
  readonly #log: ProcessLog
  readonly #typed: TypedText | undefined
  #finish!: () => void
  /** Where the gateway ends it: in place of what the target says. */
  #ended: Exit
  #hasInputEnded = false
  /** Access has ended: what is typed reaches nothing, however long the program takes to be gone. */
  #isCut = false
  /** The library tells of the close once the one output is read: what waits in the other still has to come. */
  #open = 3
  #hasEnded = false

  constructor(parts: RelayParts) {
    this.#parts = parts
    this.#toClient = new ChannelWriter(parts.client)
    this.#toUpstream = new ChannelWriter(parts.target.stream)
    const { session, command, name, terminal, isTransfer } = parts
    const { recorder } = session
    this.#log = new ProcessLog({ recorder, command, name, terminal, isTransfer, keep: session.config.recordOutput })
    this.#typed = parts.terminal ? new TypedText() : undefined
    const masked = (output: OutputName): MaskedOutput =>
      new MaskedOutput({
        masking: maskingOf(parts),
        typed: this.#typed,
        delay: parts.terminal ? TERMINAL_DELAY_MS : PIPE_DELAY_MS,
        write: (bytes) => {
          this.#log.output(bytes, output)
          return this.#toClient.write(output, bytes)
        },
        ...(parts.terminal || output === 'stderr'
          ? {}
          : { archives: { isOne: false, refuse: (reason) => this.#refuse(reason) } }),
      })
    this.#outputs = { stdout: masked('stdout'), stderr: masked('stderr') }
    this.over = new Promise((resolve) => (this.#finish = resolve))
  }

  start(): void {
    const { client, target } = this.#parts
    this.#pumpOutput('stdout')
    this.#pumpOutput('stderr')
    this.#pumpInput()
    const clientClosed = (): void => {
      // The peer no longer reads: a hang-up.
      this.#toClient.close()
      target.close()
    }
    client.on('close', clientClosed)
    client.on('error', () => {})
    const closed = (): void => {
      this.#open--
      this.#endOutput()
    }
    target.stream.once('close', closed)
    target.stream.once('end', closed)
    target.stream.stderr.once('end', closed)
    const cut = (): void => {
      this.#isCut = true
      this.#toUpstream.close()
    }
    const { ended } = this.#parts.session
    if (ended.aborted) cut()
    ended.addEventListener('abort', cut)
    void this.over.then(() => ended.removeEventListener('abort', cut))
    // It was paused where the command was held, and may have gone meanwhile.
    client.resume()
    if (isClosed(client)) clientClosed()
  }

  say(text: string): void {
    this.#toClient.write('stderr', Buffer.from(this.#parts.terminal ? text.replaceAll('\n', '\r\n') : text))
  }

  #pumpOutput(output: OutputName): void {
    const { target, session } = this.#parts
    const { recorder } = session
    const source = output === 'stdout' ? target.stream : target.stream.stderr
    const filter = output === 'stdout' ? this.#parts.fromUpstream : undefined
    const reading = new PauseReasons<'client' | 'record' | 'filter'>(source)
    const pass = this.#guarded((bytes: Buffer) => {
      const isReady = this.#outputs[output].push(filter?.push(bytes) ?? bytes)
      if (!isReady) {
        reading.wait('client')
        this.#toClient.whenEmpty(() => reading.go('client'))
      }
      if (recorder.isFull) {
        // A disk that does not keep up is felt by the target; nothing piles up here.
        reading.wait('record')
        recorder.whenRoom(() => reading.go('record'))
      }
      waitWhileHolding(filter, reading)
    })
    if (filter !== undefined)
      filter.onFree = () => {
        pass(NOTHING)
        this.#endOutput()
      }
    source.on('data', pass)
    source.on('error', () => {})
  }

  #pumpInput(): void {
    const { client, fromClient, typed } = this.#parts
    const reading = new PauseReasons<'target' | 'filter'>(client)
    const pass = this.#guarded((bytes: Buffer) => {
      if (this.#isCut) return
      this.#log.input(bytes)
      this.#typed?.type(bytes)
      if (!this.#toUpstream.write('stdout', fromClient?.push(bytes) ?? bytes)) {
        reading.wait('target')
        this.#toUpstream.whenEmpty(() => reading.go('target'))
      }
      waitWhileHolding(fromClient, reading)
      if (this.#hasInputEnded) this.#endInput()
    })
    if (fromClient !== undefined) fromClient.onFree = () => pass(NOTHING)
    const ended = this.#guarded(() => {
      this.#hasInputEnded = true
      this.#endInput()
    })
    if (typed.length > 0) pass(typed)
    client.on('data', pass)
    client.on('end', ended)
    if (client.readableEnded) ended()
  }

  /** The end of input waits behind what is still to be written: an early one would cut it. */
  #endInput(): void {
    const { fromClient, target } = this.#parts
    if (fromClient?.isHolding === true) return
    const rest = fromClient?.end()
    if (rest !== undefined) this.#toUpstream.write('stdout', rest)
    this.#toUpstream.whenEmpty(() => target.stream.end())
  }

  /** A source that has ended says so behind its last bytes, paused or not: they may still be decided on. */
  #endOutput(): void {
    const { client, fromUpstream } = this.#parts
    if (this.#open > 0 || this.#hasEnded || fromUpstream?.isDeciding === true) return
    this.#hasEnded = true
    this.#toUpstream.close()
    try {
      const last = fromUpstream?.end()
      if (last !== undefined) this.#outputs.stdout.push(last)
      this.#outputs.stdout.end()
      this.#outputs.stderr.end()
      this.#log.end(endOf(this.#exit))
    } catch {
      // The record has failed: the session is ending for that.
    }
    const exit = this.#exit
    this.#toClient.whenEmpty(() => {
      if (exit !== undefined) sendExit(client, exit)
      client.end()
      this.#finish()
    })
  }

  /** Known once all output has gone out: what was held back to the end may be refused. */
  get #exit(): Exit {
    return this.#ended ?? this.#parts.target.exit
  }

  /** This channel is over, the others are not. */
  #refuse(reason: PamError): void {
    this.say(`pam: ${reason.message}\n`)
    this.#ended = { code: 126 }
    this.#parts.target.close()
  }

  #guarded<A extends readonly unknown[]>(work: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        work(...args)
      } catch (error) {
        const reason = sessionEndReason(error)
        if (!/^(COMMAND|HOLD|APPROVAL)_/.test(reason.code)) return this.#parts.session.end(reason)
        // Something within the transfer is not allowed.
        this.#refuse(reason)
      }
    }
  }
}

interface Waiting {
  wait(reason: 'filter'): void
  go(reason: 'filter'): void
}

function waitWhileHolding(filter: Filter | undefined, reading: Waiting): void {
  if (filter?.isHolding === true) reading.wait('filter')
  else reading.go('filter')
}

const NOTHING = Buffer.alloc(0)

function maskingOf({ session, terminal, isTransfer }: RelayParts): StreamMasking | undefined {
  const { kinds } = session.masking
  if (kinds.length === 0 || isTransfer) return undefined
  return new StreamMasking({ kinds, keys: session.hashKeys, keepWidth: terminal })
}

const endOf = (exit: Exit): ProcessEnd => {
  if (exit === undefined) return { tag: 'no exit status', error: 'closed' }
  if (!('code' in exit)) return { tag: `signal SIG${exit.signal}`, error: `SIG${exit.signal}` }
  return { tag: `exit ${exit.code}`, ...(exit.code === 0 ? {} : { error: String(exit.code) }) }
}

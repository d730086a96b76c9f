import { createHash } from 'node:crypto'
import type { ServerChannel } from 'ssh2'
import { Reading } from '../../../shared/reading.ts'
import type { Session } from '../../../gateway/engine.ts'
import type { SshTarget } from '../target.ts'
import { wireFailure } from '../../../gateway/session-end-reason.ts'
import { ChannelWriter } from './channel-writer.ts'
import { isClosed, sendExit } from './ssh2-internals.ts'
import { StreamMasking } from '../output/stream-masking.ts'
import type { Exit, TargetChannel } from './target-channel.ts'

/** What looks at the bytes of a channel in one direction, and may keep some of them back. */
export interface Filter {
  push(bytes: Buffer): Buffer
  /** The stream is over. */
  end(): Buffer
  /** It waits for the other side or for a decision, and takes no more meanwhile. */
  readonly isHolding?: boolean
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
  const { session, client, target, terminal, name } = parts
  const upstream = target.stream
  const { recorder } = session
  const toClient = new ChannelWriter(client)
  const toUpstream = new ChannelWriter(upstream)
  const started = performance.now()
  const input = createHash('sha256')
  let inputBytes = 0
  let outputBytes = 0
  let kept = 0
  /** Where the gateway ends it: in place of what the target says. */
  let ended: Exit
  let finish!: () => void
  const over = new Promise<void>((resolve) => (finish = resolve))

  const keep = (bytes: Buffer, channel: string): void => {
    outputBytes += bytes.length
    if (parts.isTransfer || bytes.length === 0) return
    const room = terminal ? bytes.length : Math.max(0, session.config.recordOutput - kept)
    const before = kept
    kept += bytes.length
    if (room > 0) recorder.outcome({ type: 'terminal', channel, direction: 'out' }, bytes.subarray(0, room))
    if (!terminal && before <= session.config.recordOutput && kept > session.config.recordOutput)
      recorder.outcome({
        type: 'notice',
        message: `output of ${channel} beyond ${session.config.recordOutput} bytes is not kept`,
      })
  }
  const masked = (output: 'stdout' | 'stderr'): Output =>
    new Output(parts, (bytes) => {
      keep(bytes, output === 'stdout' ? name : `${name} stderr`)
      return toClient.write(output, bytes)
    })
  const outputs = { stdout: masked('stdout'), stderr: masked('stderr') }

  const pump = (output: 'stdout' | 'stderr'): void => {
    const source = output === 'stdout' ? upstream : upstream.stderr
    const filter = output === 'stdout' ? parts.fromUpstream : undefined
    const reading = new Reading<'client' | 'record' | 'filter'>(source)
    const pass = guarded((bytes: Buffer) => {
      const isReady = outputs[output].push(filter?.push(bytes) ?? bytes)
      if (!isReady) {
        reading.wait('client')
        toClient.whenEmpty(() => reading.go('client'))
      }
      if (recorder.isFull) {
        // A disk that does not keep up is felt by the target; nothing piles up here.
        reading.wait('record')
        recorder.whenRoom(() => reading.go('record'))
      }
      hold(filter, reading)
    })
    if (filter !== undefined) filter.onFree = () => pass(NOTHING)
    source.on('data', pass)
    source.on('error', () => {})
  }
  pump('stdout')
  pump('stderr')
  const reading = new Reading<'target' | 'filter'>(client)
  let hasInputEnded = false
  /** The end of input waits behind what is still to be written: an early one would cut it. */
  const endInput = (): void => {
    if (parts.fromClient?.isHolding === true) return
    const rest = parts.fromClient?.end()
    if (rest !== undefined) toUpstream.write('stdout', rest)
    toUpstream.whenEmpty(() => upstream.end())
  }
  const pass = guarded((bytes: Buffer) => {
    inputBytes += bytes.length
    if (!terminal && !parts.isTransfer) input.update(bytes)
    const passed = parts.fromClient?.push(bytes) ?? bytes
    if (!toUpstream.write('stdout', passed)) {
      reading.wait('target')
      toUpstream.whenEmpty(() => reading.go('target'))
    }
    hold(parts.fromClient, reading)
    if (hasInputEnded) endInput()
  })
  if (parts.fromClient !== undefined) parts.fromClient.onFree = () => pass(NOTHING)
  client.on('data', pass)
  client.on(
    'end',
    guarded(() => {
      hasInputEnded = true
      endInput()
    }),
  )
  const clientClosed = (): void => {
    // Nobody reads any more: a hang-up.
    toClient.close()
    target.close()
  }
  client.on('close', clientClosed)
  client.on('error', () => {})
  // The library tells of the close once the one output is read: what waits in the other still has to come.
  let open = 3
  const closed = (): void => {
    if (--open > 0) return
    const exit = ended ?? target.exit
    toUpstream.close()
    try {
      const last = parts.fromUpstream?.end()
      if (last !== undefined) outputs.stdout.push(last)
      outputs.stdout.end()
      outputs.stderr.end()
      recorder.outcome({
        type: 'result',
        command: parts.command,
        tag: tagOf(exit),
        rows: 0,
        bytes: outputBytes,
        durationMs: Math.round(performance.now() - started),
        ...errorOf(exit),
      })
      if (!terminal && !parts.isTransfer && inputBytes > 0)
        recorder.outcome({
          type: 'file',
          operation: 'stdin',
          path: name,
          bytes: inputBytes,
          sha256: input.digest('hex'),
        })
    } catch {
      // The record has failed: the session is ending for that.
    }
    toClient.whenEmpty(() => {
      if (exit !== undefined) sendExit(client, exit)
      client.end()
      finish()
    })
  }
  upstream.once('close', closed)
  upstream.once('end', closed)
  upstream.stderr.once('end', closed)
  // It was paused where the command was held, and may have gone meanwhile.
  client.resume()
  if (isClosed(client)) clientClosed()
  const say = (text: string): void =>
    void toClient.write('stderr', Buffer.from(terminal ? text.replaceAll('\n', '\r\n') : text))
  return { over, say }

  function hold(filter: Filter | undefined, reading: Waiting): void {
    if (filter?.isHolding === true) reading.wait('filter')
    else reading.go('filter')
  }

  function guarded<A extends readonly unknown[]>(work: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        work(...args)
      } catch (error) {
        const reason = wireFailure(error)
        if (!/^(COMMAND|HOLD|APPROVAL)_/.test(reason.code)) return session.end(reason)
        // Something within the transfer is not allowed: this channel is over, the others are not.
        say(`pam: ${reason.message}\n`)
        ended = { code: 126 }
        target.close()
      }
    }
  }
}

interface Waiting {
  wait(reason: 'filter'): void
  go(reason: 'filter'): void
}

const NOTHING = Buffer.alloc(0)

const tagOf = (exit: Exit): string =>
  exit === undefined ? 'no exit status' : 'code' in exit ? `exit ${exit.code}` : `signal SIG${exit.signal}`

const errorOf = (exit: Exit): { readonly error?: string } => {
  if (exit === undefined) return { error: 'closed' }
  if ('code' in exit) return exit.code === 0 ? {} : { error: String(exit.code) }
  return { error: `SIG${exit.signal}` }
}

/** One output with values hidden; what is held back goes out after a while, or with the end. */
class Output {
  readonly #masking: StreamMasking | undefined
  readonly #write: (bytes: Buffer) => boolean
  readonly #delay: number
  #timer: NodeJS.Timeout | undefined

  constructor({ session, terminal, isTransfer }: RelayParts, write: (bytes: Buffer) => boolean) {
    const { kinds } = session.masking
    this.#masking =
      kinds.length === 0 || isTransfer
        ? undefined
        : new StreamMasking({ kinds, keys: session.hashKeys, keepWidth: terminal })
    this.#write = write
    this.#delay = terminal ? TERMINAL_DELAY : PIPE_DELAY
  }

  push(bytes: Buffer): boolean {
    if (this.#masking === undefined) return this.#write(bytes)
    clearTimeout(this.#timer)
    const isReady = this.#write(this.#masking.push(bytes))
    if (this.#masking.isHolding) {
      this.#timer = setTimeout(() => this.end(), this.#delay)
    }
    return isReady
  }

  end(): void {
    clearTimeout(this.#timer)
    if (this.#masking?.isHolding !== true) return
    try {
      this.#write(this.#masking.flush())
    } catch {
      // The record has failed: the session is ending for that.
    }
  }
}

/** Milliseconds that what may be the beginning of a value waits for more. */
const TERMINAL_DELAY = 12
const PIPE_DELAY = 150

import type { Session } from '../../../gateway/engine.ts'
import { sessionEndReason } from '../../../gateway/session-end-reason.ts'
import { MaskedOutput, PIPE_DELAY_MS, TERMINAL_DELAY_MS } from '../../../host/output/masked-output.ts'
import { StreamMasking } from '../../../host/output/stream-masking.ts'
import { TypedText } from '../../../host/output/typed-text.ts'
import { ProcessLog, type OutputName, type ProcessEnd } from '../../../host/process-log.ts'
import { reasonOf, type PamError } from '../../../shared/errors.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { roomInRecord } from '../../http/upgrade/room-in-record.ts'
import type { ChannelName } from '../wire/channel-message.ts'
import {
  decodeExecStatus,
  decodeTerminalSize,
  encodeExecStatus,
  encodeTerminalSize,
  type ExecStatus,
} from '../wire/exec-status.ts'
import type { ChannelConnection } from './channel-connection.ts'

export interface ExecRelayParts {
  readonly session: Pick<Session, 'masking' | 'hashKeys' | 'recorder'>
  /** The decision that it is recorded under, and the name of the channel in the record. */
  readonly decision: string
  readonly name: string
  /** The channels that the request asks for. */
  readonly channels: ReadonlySet<ChannelName>
  readonly terminal: boolean
  /** Its output is an archive. */
  readonly archives: boolean
  /** Bytes of output that are kept where there is no terminal. */
  readonly keep: number
  readonly client: ChannelConnection
  readonly target: ChannelConnection
  /** Aborts when the session must end, or the client is gone. */
  readonly ended: AbortSignal
}

/** What passes between a client and a process in a container, until either side is gone or the session ends. Never rejects. */
export async function relayExec(parts: ExecRelayParts): Promise<void> {
  await new ExecRelay(parts).run()
}

class ExecRelay {
  readonly #parts: ExecRelayParts
  readonly #log: ProcessLog
  readonly #typed: TypedText | undefined
  readonly #outputs: Readonly<Record<OutputName, MaskedOutput>>
  /** What the target said of how it ended. */
  #status: Buffer = Buffer.alloc(0)
  #open: Set<ChannelName>
  #refusal: PamError | undefined
  #hasEnded = false
  #finish!: () => void

  constructor(parts: ExecRelayParts) {
    const { session, terminal, archives, client, decision, name, keep } = parts
    const { recorder, masking, hashKeys } = session
    this.#parts = parts
    this.#log = new ProcessLog({ recorder, command: decision, name, terminal, isTransfer: false, keep })
    this.#typed = terminal ? new TypedText() : undefined
    this.#open = new Set([...parts.channels].filter((channel) => FROM_TARGET.has(channel)))
    const masked = (output: OutputName): MaskedOutput =>
      new MaskedOutput({
        masking:
          masking.kinds.length === 0
            ? undefined
            : new StreamMasking({ kinds: masking.kinds, keys: hashKeys, keepWidth: terminal }),
        typed: this.#typed,
        delay: terminal ? TERMINAL_DELAY_MS : PIPE_DELAY_MS,
        write: (bytes) => {
          this.#log.output(bytes, output)
          return bytes.length === 0 || client.write(output, bytes)
        },
        ...(terminal || output === 'stderr'
          ? {}
          : { archives: { isOne: archives, refuse: (reason) => this.#refuse(reason) } }),
      })
    this.#outputs = { stdout: masked('stdout'), stderr: masked('stderr') }
  }

  run(): Promise<void> {
    const { client, target, ended } = this.#parts
    return new Promise((resolve) => {
      const onAbort = (): void => this.#end({ type: 'ended', reason: reasonOf(ended) })
      this.#finish = () => {
        ended.removeEventListener('abort', onAbort)
        resolve()
      }
      ended.addEventListener('abort', onAbort, { once: true })
      if (ended.aborted) return onAbort()
      client
        .read({
          opened: (channel) => this.#opened(channel),
          data: (channel, bytes) => this.#fromClient(channel, bytes),
          ended: (channel) => target.end(channel),
        })
        .then(
          () => this.#end({ type: 'client-left' }),
          (error: unknown) => this.#end({ type: 'broken', error }),
        )
      target
        .read({
          opened: () => Promise.reject(new WireError('a server opens a channel')),
          data: (channel, bytes) => this.#fromTarget(channel, bytes),
          ended: (channel) => this.#endedByTarget(channel),
        })
        .then(
          () => this.#end({ type: 'target-left' }),
          (error: unknown) => this.#end({ type: 'broken', error }),
        )
    })
  }

  #opened(channel: ChannelName): Promise<void> {
    if (!this.#parts.channels.has(channel)) throw new WireError(`the request asks for no ${channel}`)
    return this.#parts.target.open(channel)
  }

  async #fromClient(channel: ChannelName, bytes: Buffer): Promise<void> {
    const { target, channels, session } = this.#parts
    if (!channels.has(channel) || FROM_TARGET.has(channel)) throw new WireError(`a client writes to ${channel}`)
    if (channel === 'resize') return this.#resize(bytes)
    this.#log.input(bytes)
    this.#typed?.type(bytes)
    if (!target.write(channel, bytes)) await target.drained()
    await roomInRecord(session.recorder)
  }

  /** Several may come in one piece, each a line. */
  #resize(bytes: Buffer): void {
    for (const line of bytes.toString('latin1').split('\n')) {
      if (line.trim() === '') continue
      const size = decodeTerminalSize(Buffer.from(line))
      if (size === undefined) throw new WireError('the size of a terminal cannot be read')
      this.#log.resize(size.columns, size.rows)
      this.#parts.target.write('resize', encodeTerminalSize(size))
    }
  }

  async #fromTarget(channel: ChannelName, bytes: Buffer): Promise<void> {
    const { client, session, channels } = this.#parts
    if (channel === 'error') {
      this.#status = Buffer.concat([this.#status, bytes])
      if (this.#status.length > MAX_STATUS_BYTES) throw new WireError('the status of a command is too long')
      return
    }
    if ((channel !== 'stdout' && channel !== 'stderr') || !channels.has(channel))
      throw new WireError(`the target writes to ${channel}`)
    // With nothing in it a server says that it has begun.
    if (bytes.length === 0) return void client.write(channel, bytes)
    if (!this.#outputs[channel].push(bytes)) await client.drained()
    await roomInRecord(session.recorder)
  }

  /** Over SPDY the connection may stay open longer than the process runs. */
  #endedByTarget(channel: ChannelName): void {
    if (channel === 'stdout' || channel === 'stderr') this.#outputs[channel].end()
    this.#open.delete(channel)
    if (this.#open.size === 0) this.#end({ type: 'target-left' })
  }

  #refuse(reason: PamError): void {
    this.#refusal = reason
    this.#end({ type: 'ended', reason })
  }

  #end(how: End): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const { client, target, terminal } = this.#parts
    // What was held back may be what it is refused for.
    for (const output of Object.values(this.#outputs)) output.end()
    const { status, end, says } = this.#outcome(
      this.#refusal === undefined ? how : { type: 'ended', reason: this.#refusal },
    )
    try {
      if (says !== undefined) client.write(terminal ? 'stdout' : 'stderr', Buffer.from(says))
      this.#log.end(end)
    } catch {
      // The record has failed: the session is ending for that.
    }
    if (status !== undefined) client.write('error', status)
    for (const channel of FROM_TARGET) client.end(channel)
    client.close()
    target.close()
    this.#finish()
  }

  /** What the client is told, and what the record says of it. */
  #outcome(how: End): { readonly status?: Buffer; readonly end: ProcessEnd; readonly says?: string } {
    const { terminal } = this.#parts
    if (how.type === 'client-left') return { end: NO_STATUS }
    if (how.type === 'target-left') {
      const status = decodeExecStatus(this.#status)
      if (status === undefined) return { end: NO_STATUS, status: encodeExecStatus(UNKNOWN_END) }
      return { end: endOf(status), status: encodeExecStatus(this.#hidden(status)) }
    }
    const reason: PamError = how.type === 'ended' ? how.reason : sessionEndReason(how.error)
    const lineEnd = terminal ? '\r\n' : '\n'
    return {
      end: NO_STATUS,
      says: `${terminal ? lineEnd : ''}pam: ${reason.message}${lineEnd}`,
      status: encodeExecStatus({ type: 'failure', message: reason.message }),
    }
  }

  /** A message may quote what the process has written. */
  #hidden(status: ExecStatus): ExecStatus {
    const { masking, hashKeys } = this.#parts.session
    if (status.type === 'exit' || masking.kinds.length === 0) return status
    const hiding = new StreamMasking({ kinds: masking.kinds, keys: hashKeys, keepWidth: false })
    return {
      ...status,
      message: Buffer.concat([hiding.push(Buffer.from(status.message)), hiding.flush()]).toString('utf8'),
    }
  }
}

type End =
  | { readonly type: 'client-left' }
  | { readonly type: 'target-left' }
  | { readonly type: 'ended'; readonly reason: PamError }
  /** One of the two sent what the transport does not have. */
  | { readonly type: 'broken'; readonly error: unknown }

const endOf = (status: ExecStatus): ProcessEnd =>
  status.type === 'failure'
    ? { tag: 'failed', error: 'failed' }
    : { tag: `exit ${status.code}`, ...(status.code === 0 ? {} : { error: String(status.code) }) }

const NO_STATUS: ProcessEnd = { tag: 'no exit status', error: 'closed' }
const UNKNOWN_END: ExecStatus = { type: 'failure', message: 'the target did not say how the command ended' }
const FROM_TARGET: ReadonlySet<ChannelName> = new Set(['stdout', 'stderr', 'error'])
const MAX_STATUS_BYTES = 64 * 1024

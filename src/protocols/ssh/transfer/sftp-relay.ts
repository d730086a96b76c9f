import type { ServerChannel } from 'ssh2'
import { asError, PamError } from '../../../shared/errors.ts'
import { PauseReasons } from '../../../shared/pause-reasons.ts'
import { Queue } from '../../../shared/queue.ts'
import {
  decodeExtensions,
  encodeInit,
  encodeLstat,
  encodeRealpath,
  encodeStatus,
  encodeVersion,
  SFTP_VERSION,
  SftpFields,
  SftpFramer,
  sftpStatus,
  sftpType,
  underId,
  withStrings,
  type SftpPacket,
} from '../wire/packet.ts'
import type { Session, Verdict } from '../../../gateway/engine.ts'
import { sessionEndReason } from '../../../gateway/session-end-reason.ts'
import { ChannelWriter } from '../gateway/channel-writer.ts'
import { draftOf } from '../gateway/command-draft.ts'
import { commandOf, type SftpCommand, type SftpResolver } from './sftp-command.ts'
import { SftpFiles, take, type OpenFile } from './sftp-files.ts'
import {
  CARRIED_EXTENSIONS,
  COPY_DATA,
  copyOf,
  handleOperation,
  operationOf,
  type SftpOperation,
} from './sftp-operation.ts'
import { isClosed, sendExit } from '../gateway/ssh2-internals.ts'
import type { TargetChannel } from '../gateway/target-channel.ts'

export interface SftpRelayParts {
  readonly session: Session
  readonly client: ServerChannel
  readonly target: TargetChannel
  readonly name: string
}

/** What the target has been asked and has not answered. */
type Asked =
  | { readonly type: 'own'; readonly answer: (packet: SftpPacket) => void }
  | { readonly type: 'plain'; readonly id: number }
  | {
      readonly type: 'operation'
      readonly id: number
      readonly command: string
      readonly operation: SftpOperation
      readonly path: string
      readonly since: number
    }
  | { readonly type: 'read'; readonly id: number; readonly file: OpenFile; readonly offset: number }

/**
 * An SFTP channel: the paths of every request are resolved by the target, judged and recorded before it goes on, and it is
 * carried out on the paths that were judged, whatever stands in the place of the client's by then;
 * reads and writes of what is open pass, and are digested as they do. Requests keep their order; they get ids of ours,
 * so that nothing that the gateway asks can be taken for the client's.
 */
export class SftpRelay {
  readonly over: Promise<void>
  readonly #parts: SftpRelayParts
  readonly #fromClient = new SftpFramer()
  readonly #fromTarget = new SftpFramer()
  readonly #toClient: ChannelWriter
  readonly #toTarget: ChannelWriter
  readonly #asked = new Map<number, Asked>()
  readonly #files: SftpFiles
  readonly #queue = new Queue<SftpPacket>()
  readonly #readClient: PauseReasons<'queue' | 'target'>
  readonly #readTarget: PauseReasons<'client'>
  #isJudging = false
  #hasEnded = false
  #hasLeft = false
  #withdrawHeld: (() => void) | undefined
  #lastId = 0
  #home: Promise<string | undefined> | undefined

  constructor(parts: SftpRelayParts) {
    this.#parts = parts
    const { client, target } = parts
    const upstream = target.stream
    this.#toClient = new ChannelWriter(client)
    this.#toTarget = new ChannelWriter(upstream)
    this.#files = new SftpFiles(parts.session.recorder)
    this.#readClient = new PauseReasons(client)
    this.#readTarget = new PauseReasons(upstream)
    let finish!: () => void
    this.over = new Promise((resolve) => (finish = resolve))
    client.on(
      'data',
      this.#guarded((bytes: Buffer) => {
        // Access has ended: what is still open is written to no longer.
        if (parts.session.ended.aborted) return
        for (const packet of this.#fromClient.push(bytes)) this.#queue.push(packet)
        this.#work()
        if (this.#queue.length > 0) this.#readClient.wait('queue')
      }),
    )
    client.on('end', () => {
      this.#hasEnded = true
      this.#work()
    })
    const clientClosed = (): void => {
      this.#toClient.close()
      target.close()
    }
    client.on('close', clientClosed)
    if (isClosed(client)) clientClosed()
    client.on('error', () => {})
    upstream.on(
      'data',
      this.#guarded((bytes: Buffer) => {
        for (const packet of this.#fromTarget.push(bytes)) this.#answer(packet)
      }),
    )
    upstream.stderr.on('data', (bytes: Buffer) => {
      if (this.#toClient.write('stderr', bytes)) return
      upstream.stderr.pause()
      this.#toClient.whenEmpty(() => upstream.stderr.resume())
    })
    upstream.on('close', () => {
      this.#toTarget.close()
      this.#files.abandon()
      this.#toClient.whenEmpty(() => {
        sendExit(client, target.exit ?? { code: 255 })
        client.end()
        finish()
      })
    })
  }

  /** The client has closed the channel: what is held for it is taken back. */
  withdraw(): void {
    this.#hasLeft = true
    this.#withdrawHeld?.()
  }

  say(text: string): void {
    this.#toClient.write('stderr', Buffer.from(text))
  }

  #send(bytes: Buffer): void {
    if (this.#toTarget.write('stdout', bytes)) return
    this.#readClient.wait('target')
    this.#toTarget.whenEmpty(() => this.#readClient.go('target'))
  }

  #reply(bytes: Buffer): void {
    if (this.#toClient.write('stdout', bytes)) return
    this.#readTarget.wait('client')
    this.#toClient.whenEmpty(() => this.#readTarget.go('client'))
  }

  /** Requests in their order, up to one that has to be waited for. Called from anywhere: what fails ends the session. */
  readonly #work = this.#guarded(() => this.#workOn())

  #workOn(): void {
    const { stream: upstream } = this.#parts.target
    while (!this.#isJudging) {
      const packet = this.#queue.take()
      if (packet === undefined) break
      const operation = packet.type === sftpType.init ? undefined : this.#operation(packet)
      if (operation === null) continue
      if (operation !== undefined) {
        this.#isJudging = true
        this.#judge(packet, operation).then(
          () => {
            this.#isJudging = false
            this.#work()
            if (this.#queue.length === 0) this.#readClient.go('queue')
          },
          (error: unknown) => this.#parts.session.end(sessionEndReason(error)),
        )
      } else this.#pass(packet)
    }
    if (this.#hasEnded && !this.#isJudging && this.#queue.length === 0) this.#toTarget.whenEmpty(() => upstream.end())
  }

  /** null: it was answered here. */
  #operation(packet: SftpPacket): SftpOperation | undefined | null {
    if (this.#asked.size > MAX_ASKED) throw new PamError('PROTOCOL_VIOLATION', 'too many SFTP requests at once')
    if (packet.type === sftpType.extended) {
      const name = new SftpFields(packet).string().toString('utf8')
      if (!CARRIED_EXTENSIONS.has(name)) {
        this.#reply(encodeStatus(packet.id, sftpStatus.unsupported, `pam: ${name.slice(0, 64)} is not supported`))
        return null
      }
    } else if (packet.type < sftpType.open || packet.type > sftpType.symlink) {
      this.#reply(encodeStatus(packet.id, sftpStatus.unsupported, 'pam: this request is not supported'))
      return null
    }
    try {
      if (packet.type === sftpType.fsetstat) return this.#ofHandle(packet)
      if (isCopy(packet)) return this.#copy(packet)
      return operationOf(packet)
    } catch (error) {
      this.#reply(encodeStatus(packet.id, sftpStatus.badMessage, `pam: ${asError(error).message}`))
      return null
    }
  }

  /** Both files were judged when they were opened; the target looks that one may be read and the other written. */
  #copy(packet: SftpPacket): null {
    const { from, to } = copyOf(packet)
    const [source, copy] = [this.#files.find(from), this.#files.find(to)]
    if (source === undefined || copy === undefined) {
      this.#reply(encodeStatus(packet.id, sftpStatus.failure, 'pam: no such handle'))
      return null
    }
    // What is copied is not seen here: there is no digest of the file.
    copy.next = undefined
    const { recorder } = this.#parts.session
    this.#forward(packet, {
      type: 'own',
      answer: (answer) => {
        const code = new SftpFields(answer).uint32()
        const error = code === sftpStatus.ok ? {} : { error: `status ${code}` }
        recorder.outcome({ type: 'file', operation: 'copy', path: `${source.path} to ${copy.path}`, ...error })
        this.#reply(underId(answer, packet.id))
      },
    })
    return null
  }

  /** Attributes of an open file are those of its path. */
  #ofHandle(packet: SftpPacket): SftpOperation | undefined {
    const file = this.#files.find(new SftpFields(packet).string().toString('latin1'))
    return file === undefined ? undefined : handleOperation(packet, file)
  }

  async #judge(packet: SftpPacket, operation: SftpOperation): Promise<void> {
    const { session } = this.#parts
    let command!: SftpCommand
    const read = async (): Promise<SftpCommand> => {
      command = await commandOf(operation, this.#resolver, session.lease.user)
      return command
    }
    await read()
    const decision = session.decide(draftOf(command, session, read))
    let verdict: Verdict
    if (decision.type === 'hold') {
      this.say(`pam: ${decision.notice}\n`)
      this.#withdrawHeld = () => decision.withdraw()
      // It may have gone while its paths were looked at.
      if (this.#hasLeft) this.#withdrawHeld()
      verdict = await decision.verdict
      this.#withdrawHeld = undefined
    } else verdict = decision
    if (verdict.type === 'refuse') {
      this.say(`pam: ${verdict.error.message}\n`)
      return this.#reply(encodeStatus(packet.id, sftpStatus.permissionDenied, `pam: ${verdict.error.message}`))
    }
    if (command.isLost) {
      session.recorder.outcome({
        type: 'result',
        command: verdict.id,
        tag: `status ${sftpStatus.noSuchFile}`,
        rows: 0,
        bytes: 0,
        durationMs: 0,
        error: String(sftpStatus.noSuchFile),
      })
      return this.#reply(encodeStatus(packet.id, sftpStatus.noSuchFile, 'No such file'))
    }
    const path = [...operation.writes, ...operation.reads].at(-1)?.path ?? ''
    const statement = command.facts.statements[0]
    const shown = statement?.writes.at(-1) ?? statement?.reads.at(-1) ?? path
    const { resolved } = command
    const bytes = resolved.size === 0 ? packet.bytes : withStrings(packet, resolved)
    this.#forward(
      { ...packet, bytes },
      {
        type: 'operation',
        id: packet.id,
        command: verdict.id,
        operation,
        path: shown,
        since: performance.now(),
      },
    )
  }

  readonly #resolver: SftpResolver = {
    home: () => (this.#home ??= this.#resolver.real('.')),
    real: async (path) => {
      const answer = await this.#own((id) => encodeRealpath(id, path))
      return answer.type === sftpType.name ? firstName(answer) : undefined
    },
    isFree: async (path) => {
      const answer = await this.#own((id) => encodeLstat(id, path))
      return answer.type === sftpType.status && new SftpFields(answer).uint32() === sftpStatus.noSuchFile
    },
  }

  /** A request of the gateway's own; the client does not see it. */
  #own(encode: (id: number) => Buffer): Promise<SftpPacket> {
    return new Promise((answer) => this.#send(encode(this.#ask({ type: 'own', answer }))))
  }

  #ask(asked: Asked): number {
    do this.#lastId = (this.#lastId + 1) % 2 ** 32
    while (this.#asked.has(this.#lastId))
    this.#asked.set(this.#lastId, asked)
    return this.#lastId
  }

  #forward(packet: SftpPacket, asked: Asked): void {
    this.#send(underId(packet, this.#ask(asked)))
  }

  /** A request that needs no decision: what it is about was decided when it was opened. */
  #pass(packet: SftpPacket): void {
    if (packet.type === sftpType.init) return this.#send(encodeInit())
    const plain: Asked = { type: 'plain', id: packet.id }
    if (packet.type === sftpType.read || packet.type === sftpType.write || packet.type === sftpType.close) {
      const fields = new SftpFields(packet)
      const handle = fields.string().toString('latin1')
      const file = this.#files.find(handle)
      // A handle that was not given here was not decided about.
      if (file === undefined) return this.#reply(encodeStatus(packet.id, sftpStatus.failure, 'pam: no such handle'))
      if (packet.type === sftpType.close) {
        this.#files.forget(handle)
        return this.#forward(packet, {
          type: 'own',
          answer: (answer) => {
            // What was asked before is answered before: only now is all known that went through.
            this.#files.record(file)
            this.#reply(underId(answer, packet.id))
          },
        })
      }
      const offset = fields.uint64()
      if (packet.type === sftpType.read) return this.#forward(packet, { type: 'read', id: packet.id, file, offset })
      take(file, offset, fields.string())
    }
    this.#forward(packet, plain)
  }

  #answer(packet: SftpPacket): void {
    if (packet.type === sftpType.version) {
      const carried = decodeExtensions(packet).filter(([name]) => CARRIED_EXTENSIONS.has(name))
      return this.#reply(encodeVersion(Math.min(packet.id, SFTP_VERSION), carried))
    }
    const asked = this.#asked.get(packet.id)
    if (asked === undefined)
      throw new PamError('PROTOCOL_VIOLATION', 'the target answered a request that was not made', { side: 'upstream' })
    this.#asked.delete(packet.id)
    if (asked.type === 'own') return asked.answer(packet)
    if (asked.type === 'read' && packet.type === sftpType.data)
      take(asked.file, asked.offset, new SftpFields(packet).string())
    if (asked.type === 'operation') this.#answered(asked, packet)
    this.#reply(underId(packet, asked.id))
  }

  #answered({ operation, path, command, since }: Asked & { type: 'operation' }, packet: SftpPacket): void {
    const { recorder } = this.#parts.session
    const code = packet.type === sftpType.status ? new SftpFields(packet).uint32() : 0
    if (packet.type === sftpType.handle) {
      const handle = new SftpFields(packet).string().toString('latin1')
      const kind = operation.name === 'list' ? 'list' : operation.name === 'write' ? 'write' : 'read'
      this.#files.open(handle, path, kind)
    } else if (!operation.kinds.includes('file-list')) {
      recorder.outcome({
        type: 'file',
        operation: operation.name,
        path,
        ...(code === 0 ? {} : { error: `status ${code}` }),
      })
    }
    recorder.outcome({
      type: 'result',
      command,
      tag: code === 0 ? 'ok' : `status ${code}`,
      rows: 0,
      bytes: 0,
      durationMs: Math.round(performance.now() - since),
      ...(code === 0 ? {} : { error: String(code) }),
    })
  }

  #guarded<A extends readonly unknown[]>(work: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        work(...args)
      } catch (error) {
        this.#parts.session.end(sessionEndReason(error))
      }
    }
  }
}

/** The absolute path of an answer to REALPATH; of what is no UTF-8 nobody can judge. */
function firstName(answer: SftpPacket): string | undefined {
  try {
    const fields = new SftpFields(answer)
    const path = fields.uint32() === 0 ? '' : fields.path()
    return path.startsWith('/') ? path : undefined
  } catch {
    return undefined
  }
}

const isCopy = (packet: SftpPacket): boolean =>
  packet.type === sftpType.extended && new SftpFields(packet).string().toString('utf8') === COPY_DATA

const MAX_ASKED = 4096

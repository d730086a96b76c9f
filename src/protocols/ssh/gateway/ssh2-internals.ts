import { readFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { dirname, join, sep } from 'node:path'
import type { Writable } from 'node:stream'
import { compileFunction } from 'node:vm'
import type { ClientChannel, Connection, ServerChannel, Session as SshSession, Client } from 'ssh2'
import type * as Ssh2 from 'ssh2'
import { visible } from '../../../shared/visible.ts'
import { ByteReader } from '../../../wire/byte-reader.ts'

/**
 * Everything that reaches into what ssh2 keeps to itself, for what its own interface gets wrong or leaves out. Another
 * version of the library makes ssh2-internals.test.ts fail.
 */

/** The longest packet that either side takes, as OpenSSH has it (PACKET_MAX_SIZE). The library's own limit is 35,000 bytes. */
export const MAX_PACKET_BYTES = 256 * 1024

const LIMIT = 'const MAX_PACKET_SIZE = 35000;'

interface LoadedLibrary {
  readonly ssh2: typeof Ssh2
  readonly sendPacket: (protocol: Protocol, packet: Buffer) => void
}

/**
 * The library with the larger limit: a command is one packet, and the limit is a constant of one of its files. This is a
 * copy of our own, whoever else has loaded the library before.
 */
function load(): LoadedLibrary {
  const require = createRequire(import.meta.url)
  const library = join(dirname(require.resolve('ssh2/package.json')), 'lib') + sep
  const isOfLibrary = (file: string): boolean => file.startsWith(library) && file.endsWith('.js')
  const before = Object.entries(require.cache).filter(([file]) => isOfLibrary(file))
  for (const [file] of before) delete require.cache[file]
  try {
    const file = join(library, 'protocol', 'crypto.js')
    const source = readFileSync(file, 'utf8')
    if (source.split(LIMIT).length !== 2) throw new Error('this version of ssh2 has no packet limit that we know')
    const raised = source.replace(LIMIT, `const MAX_PACKET_SIZE = ${MAX_PACKET_BYTES};`)
    const module = new Module(file)
    require.cache[file] = module
    compileFunction(raised, ['exports', 'require', 'module', '__filename', '__dirname'], { filename: file })(
      module.exports,
      createRequire(file),
      module,
      file,
      dirname(file),
    )
    module.loaded = true
    const { sendPacket } = require('ssh2/lib/protocol/utils.js') as Pick<LoadedLibrary, 'sendPacket'>
    holdBack(require('ssh2/lib/Channel.js') as ChannelModule)
    return { ssh2: require('ssh2') as typeof Ssh2, sendPacket }
  } finally {
    for (const file of Object.keys(require.cache)) if (isOfLibrary(file)) delete require.cache[file]
    for (const [file, module] of before) require.cache[file] = module
  }
}

/**
 * The library says at once of what is written to a channel that it was sent, while the window of the channel lasts, also where
 * keys are exchanged and it keeps it until that is over, and where the peer does not read. Windows are the peer's to give, up
 * to 4 GiB: whoever writes is told once it has gone out instead.
 */
function holdBack({ Channel }: ChannelModule): void {
  const { stderr } = new Channel(undefined, {}, { server: true })
  hold(Channel.prototype, (channel) => channel as SendingChannel)
  hold(Object.getPrototypeOf(stderr) as Outlet, (output) => (output as ServerStderr)._channel)

  function hold(outlet: Outlet, channelOf: (self: Outlet) => SendingChannel): void {
    const { _write: write } = outlet
    outlet._write = function (data, encoding, done) {
      const { _client: client, outgoing } = channelOf(this)
      const sending = sendings.get(client._protocol)
      if (sending === undefined) return write.call(this, data, encoding, done)
      const { window } = outgoing
      write.call(this, data, encoding, (error) => {
        sending.waiting.push(() => done(error))
        sending.goOn()
      })
      // What the window has no room for comes here again.
      sending.onData(window - outgoing.window)
    }
  }
}

const sendings = new WeakMap<Protocol, Sending>()
const { ssh2, sendPacket } = load()
export { ssh2 }

/** A request on a channel as it came (RFC 4254, section 5.4). */
export interface ChannelRequest {
  readonly channel: number
  readonly type: string
  readonly wantsReply: boolean
  readonly data: Buffer
}

/** What the library decodes lossily, or not at all, of a session channel's requests. */
export interface RawRequests {
  /** The command of `exec`: its bytes. */
  readonly command?: Buffer
  /** The modes of `pty-req`: a list that is whole (RFC 4254, section 8). */
  readonly modes?: Buffer
}

/**
 * Reads the channel requests of a client before the library does. Call it when the server tells of the connection, before
 * the key exchange. The library reads terminal modes from their second byte, decodes commands as UTF-8, answers `exec` and
 * `shell` the moment they are taken, and drops signals and changes of the window once the input has ended.
 */
export function readRequests(connection: Connection): void {
  const { _protocol: protocol, _chanMgr: manager } = connection as unknown as Connected
  explainRefusals(protocol)
  const read = protocol._onPayload
  protocol._onPayload = (payload) => {
    const request = payload[0] === CHANNEL_REQUEST ? decodeRequest(payload) : undefined
    const session = request && (manager._channels[request.channel] as ServerSession | undefined)
    // What is malformed, or about no session, is the library's to refuse.
    if (request === undefined || session?._chanInfo === undefined) return read(payload)
    const ssh = session as unknown as SshSession
    switch (request.type) {
      case 'pty-req': {
        const terminal = decodeTerminal(request.data)
        if (terminal === undefined) return read(payload)
        raw.set(ssh, { ...raw.get(ssh), modes: terminal.modes })
        return read(encodeRequest({ ...request, data: terminal.withoutModes }))
      }
      case 'exec':
      case 'shell':
      case 'subsystem':
        // One of these starts the channel; another, or one after the end of input, is refused.
        if (session._channel !== undefined || session._ending) {
          if (request.wantsReply) protocol.channelFailure(session._chanInfo.outgoing.id)
          return undefined
        }
        if (request.type === 'exec') {
          const command = stringOf(request.data)
          if (command === undefined) return read(payload)
          raw.set(ssh, { ...raw.get(ssh), command })
        }
        // `answer` says whether it was taken, once that is known.
        if (request.wantsReply) unanswered.set(ssh, protocol)
        return read(encodeRequest({ ...request, wantsReply: false }))
      case 'eow@openssh.com':
        ssh.emit(END_OF_OUTPUT as 'end')
        return undefined
      case 'signal':
      case 'window-change': {
        const info = request.type === 'signal' ? signalOf(request.data) : sizeOf(request.data)
        if (info === undefined) return read(payload)
        // Neither asks for a reply (RFC 4254, 6.7 and 6.9); whoever asks all the same gets one.
        const reply = (send: 'channelSuccess' | 'channelFailure') => () => {
          if (request.wantsReply) protocol[send](session._chanInfo.outgoing.id)
        }
        ssh.emit(request.type as 'signal', reply('channelSuccess'), reply('channelFailure'), info as { name: string })
        return undefined
      }
      default:
        return read(payload)
    }
  }
}

const raw = new WeakMap<SshSession, RawRequests>()
const unanswered = new WeakMap<SshSession, Protocol>()

/** Emitted where nobody reads the output any more (`eow@openssh.com`, OpenSSH's PROTOCOL, 2.1). */
export const END_OF_OUTPUT = 'end-of-output'

/** What the client asked for in the bytes that it sent. */
export const rawRequests = (ssh: SshSession): RawRequests => raw.get(ssh) ?? {}

/** Answers the `exec`, `shell` or `subsystem` request, where the client waits for an answer. Once. */
export function answer(ssh: SshSession, isTaken: boolean): void {
  const protocol = unanswered.get(ssh)
  unanswered.delete(ssh)
  const { outgoing } = (ssh as unknown as ServerSession)._chanInfo
  if (protocol === undefined || (outgoing.state !== 'open' && outgoing.state !== 'eof')) return
  protocol[isTaken ? 'channelSuccess' : 'channelFailure'](outgoing.id)
}

/** Why a channel is not opened (RFC 4254, section 5.1). */
export const OPEN_FAILURE = { prohibited: 1, connectFailed: 2, unknownType: 3, resourceShortage: 4 } as const

export interface OpenFailure {
  readonly reason: number
  readonly text: string
}

/** Refuses to open a channel, with a reason and a text; the library's own `reject` chooses one reason, and says nothing. */
export function refuseOpening(connection: Connection | Client, reject: () => void, failure: OpenFailure): void {
  const { _protocol: protocol } = connection as unknown as Connected
  const { channelOpenFail: tell } = protocol
  protocol.channelOpenFail = (id) => tell.call(protocol, id, failure.reason, failure.text)
  try {
    reject()
  } finally {
    protocol.channelOpenFail = tell
  }
}

/** What the library itself refuses: types that it does not know, and those that nobody listens for. */
function explainRefusals(protocol: Protocol): void {
  const { channelOpenFail: tell } = protocol
  protocol.channelOpenFail = (id, reason, text) => {
    const isShort = reason === OPEN_FAILURE.resourceShortage
    const said = isShort ? 'pam: too many channels are open' : 'pam: channels of this type are not supported'
    tell.call(protocol, id, reason, text === undefined || text === '' ? said : text)
  }
}

/** Why the peer did not open a channel that it was asked for, in its own words. */
export function openFailureOf(error: Error): OpenFailure {
  const { reason } = error as { readonly reason?: unknown }
  const isReason = typeof reason === 'number' && reason >= 1 && reason <= 4
  return {
    reason: isReason ? reason : OPEN_FAILURE.connectFailed,
    text: visible(error.message.replace(/^\(SSH\) Channel open failure: /, '')).slice(0, MAX_SAID),
  }
}

/** Whether the peer has closed the channel: its `close` may have been told before anybody listened. */
export const isClosed = (channel: ServerChannel | ClientChannel): boolean => {
  const { incoming, outgoing } = channel as unknown as Inner
  return incoming.state === 'closed' || outgoing.state === 'closed' || outgoing.state === 'closing'
}

/**
 * The library takes what comes beyond the window that it has given (RFC 4254, 5.2): somebody who sends on and on would
 * fill the memory.
 */
export function hasOverrun(connection: Client | Connection): boolean {
  // A client has none before it is logged in.
  const { _chanMgr: manager } = connection as unknown as Partial<Connected>
  for (const id in manager?._channels) {
    const entry = manager?._channels[Number(id)] as
      (Partial<Inner> & { readonly _channel?: Partial<Inner> }) | undefined
    if (entry === undefined || entry === null || typeof entry !== 'object') continue
    const channel = entry._channel ?? entry
    if ((channel.incoming?.window ?? 0) < 0) return true
  }
  return false
}

/** What is told of a connection. */
export interface SendingListener {
  /** Keys are exchanged for the first time, or again. */
  began(): void
  ended(): void
  /** A packet waits for the end of the exchange. */
  queued(bytes: number): void
  /** Data was written to a channel. */
  sent(bytes: number): void
}

/** Tells of every key exchange, and of what is sent; and holds writers back. Call it before the first exchange. */
export function watchSending(connection: Client | Connection, listener: SendingListener): void {
  const connected = connection as unknown as Connected
  const { _protocol: protocol } = connected
  const { _onHandshakeComplete: complete } = protocol
  let isOpen = false
  let isFull = false
  const sending: Sending = {
    waiting: [],
    onData: (bytes) => listener.sent(bytes),
    goOn() {
      const { _sock: stream } = connected
      if (isOpen || isFull || sending.waiting.length === 0) return
      if (stream === undefined || stream.writableLength <= MAX_UNSENT) {
        for (const done of sending.waiting.splice(0)) done()
        return
      }
      isFull = true
      stream.once('drain', () => {
        isFull = false
        sending.goOn()
      })
    },
  }
  let kexinit: Buffer | undefined
  let queue: Buffer[] | undefined
  Object.defineProperties(protocol, {
    _kexinit: {
      get: () => kexinit,
      set(value: Buffer | undefined) {
        kexinit = value
        if (value === undefined || isOpen) return
        isOpen = true
        listener.began()
      },
    },
    _queue: {
      get: () => queue,
      set(value: Buffer[] | undefined) {
        queue = value
        if (value === undefined) return
        value.push = (packet: Buffer): number => {
          listener.queued(packet.length)
          return Array.prototype.push.call(value, packet)
        }
      },
    },
  })
  // What was queued goes out in here, and before anything that is written next.
  protocol._onHandshakeComplete = (...negotiated) => {
    isOpen = false
    listener.ended()
    complete(...negotiated)
    sending.goOn()
  }
  sendings.set(protocol, sending)
}

/** What the library does with each message, by the message's name; `replace` takes the place of all of it. */
export function messageHandlers(connection: Client | Connection): {
  readonly handlers: MessageHandlers
  readonly replace: (handlers: MessageHandlers) => void
} {
  const { _protocol: protocol } = connection as unknown as { _protocol: { _handlers: MessageHandlers } }
  return { handlers: protocol._handlers, replace: (handlers) => void (protocol._handlers = handlers) }
}

export type MessageHandlers = Readonly<
  Record<string, ((protocol: MessageReplies, ...args: never[]) => void) | undefined>
>

export interface MessageReplies {
  requestFailure(): void
}

/** Resolves when the target has dealt with all that was sent to it so far, or is gone. */
export function roundTrip(client: Client): Promise<true> {
  const { _protocol: protocol, _callbacks: callbacks } = client as unknown as Connected
  return new Promise((resolve) => {
    callbacks.push(() => resolve(true))
    protocol.ping()
  })
}

/** What has been sent is not to be sent with the next opening of the window. */
export function forgetSent(channel: ServerChannel | ClientChannel): void {
  Object.assign(channel, { _chunk: undefined, _chunkcb: undefined, _chunkErr: undefined, _chunkcbErr: undefined })
}

/**
 * Opens a session channel, without a request on it. `opened` is called in the moment the target confirms: what comes in the
 * same read finds its listeners.
 */
export function openSession(
  client: Client,
  opened: (error: Error | undefined, channel: ClientChannel | undefined) => void,
): void {
  const { _chanMgr: manager, _protocol: protocol, _sock: socket } = client as unknown as Connected
  if (socket?.writable !== true) return opened(new Error('not connected'), undefined)
  const id = manager.add(Object.assign(opened, { type: 'session' }))
  if (id < 0) return opened(new Error('no free channels'), undefined)
  protocol.session(id, WINDOW_BYTES, DATA_BYTES)
}

/** Sends a request on a channel of a target's; where a reply is wanted, `replied` is told whether it was taken. */
export function request(
  channel: ClientChannel,
  type: string,
  data: Buffer,
  replied?: (isTaken: boolean) => void,
): void {
  const { outgoing, _callbacks: callbacks, _client: client } = channel as unknown as Inner
  if (outgoing.state !== 'open' && outgoing.state !== 'eof') return replied?.(false)
  if (replied !== undefined) callbacks.push((failed) => replied(failed === false))
  send(client._protocol, { channel: outgoing.id, type, wantsReply: replied !== undefined, data })
}

/** How a target's program ended, for the client. The library's own `exit` throws for signals that it does not know. */
export function sendExit(channel: ServerChannel, exit: { code: number } | ExitSignal): void {
  const { outgoing, _client: client } = channel as unknown as Inner
  if (outgoing.state !== 'open') return
  const type = 'code' in exit ? 'exit-status' : 'exit-signal'
  const data =
    'code' in exit
      ? uint32(exit.code)
      : Buffer.concat([string(exit.signal), Buffer.from([exit.core ? 1 : 0]), string(exit.description), string('')])
  send(client._protocol, { channel: outgoing.id, type, wantsReply: false, data })
}

export interface ExitSignal {
  /** Without SIG. */
  readonly signal: string
  readonly core: boolean
  readonly description: string
}

/** `pty-req` (RFC 4254, section 6.2). */
export const encodeTerminal = (
  { term, cols, rows, width, height }: TerminalSize & { readonly term: string },
  modes: Buffer,
): Buffer => Buffer.concat([string(term), ...[cols, rows, width, height].map(uint32), string(modes)])

/** `window-change` (RFC 4254, section 6.7). */
export const encodeSize = ({ cols, rows, width, height }: TerminalSize): Buffer =>
  Buffer.concat([cols, rows, width, height].map(uint32))

export interface TerminalSize {
  readonly cols: number
  readonly rows: number
  readonly width: number
  readonly height: number
}

export function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([uint32(bytes.length), bytes])
}

/**
 * Encoded terminal modes (RFC 4254, section 8) up to their end: opcodes 1 to 159 have a number each, and what follows one
 * that is not defined cannot be read. Modes that are not known here are the target's to ignore.
 */
export function readModes(encoded: Buffer): Buffer {
  let at = 0
  while (at + 5 <= encoded.length) {
    const opcode = encoded[at] as number
    if (opcode === END_OF_MODES || opcode > LAST_MODE) break
    at += 5
  }
  return Buffer.concat([encoded.subarray(0, at), Buffer.from([END_OF_MODES])])
}

function decodeRequest(payload: Buffer): ChannelRequest | undefined {
  return reading(payload.subarray(1), (reader) => {
    const channel = reader.uint32()
    const type = reader.bytes(reader.uint32()).toString('latin1')
    const wantsReply = reader.bytes(1)[0] !== 0
    return { channel, type, wantsReply, data: Buffer.from(reader.rest()) }
  })
}

const encodeRequest = ({ channel, type, wantsReply, data }: ChannelRequest): Buffer =>
  Buffer.concat([
    Buffer.from([CHANNEL_REQUEST]),
    uint32(channel),
    string(type),
    Buffer.from([wantsReply ? 1 : 0]),
    data,
  ])

function send(protocol: Protocol, what: ChannelRequest): void {
  const payload = encodeRequest(what)
  const { write } = protocol._packetRW
  const packet = write.alloc(payload.length)
  packet.set(payload, write.allocStart)
  sendPacket(protocol, write.finalize(packet))
}

/** The modes of a `pty-req`, and the request with none. */
const decodeTerminal = (data: Buffer): { modes: Buffer; withoutModes: Buffer } | undefined =>
  reading(data, (reader) => {
    reader.bytes(reader.uint32())
    reader.bytes(16)
    const rest = reader.rest()
    const modes = stringOf(rest)
    if (modes === undefined) return undefined
    const before = data.subarray(0, data.length - rest.length)
    return { modes: readModes(modes), withoutModes: Buffer.concat([before, string(Buffer.from([END_OF_MODES]))]) }
  })

const stringOf = (data: Buffer): Buffer | undefined =>
  reading(data, (reader) => Buffer.from(reader.bytes(reader.uint32())))

function signalOf(data: Buffer): { name: string } | undefined {
  const name = stringOf(data)
  return name && { name: name.toString('latin1') }
}

const sizeOf = (data: Buffer): TerminalSize | undefined =>
  reading(data, (reader) => {
    const [cols, rows, width, height] = [reader.uint32(), reader.uint32(), reader.uint32(), reader.uint32()]
    return { cols, rows, width, height }
  })

function reading<T>(bytes: Buffer, read: (reader: ByteReader) => T): T | undefined {
  try {
    return read(new ByteReader(bytes, 'SSH channel request'))
  } catch {
    return undefined
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

interface Sending {
  /** Those who wrote to a channel and have not been told yet. */
  readonly waiting: (() => void)[]
  readonly onData: (bytes: number) => void
  /** Tells them, unless it has to wait. */
  readonly goOn: () => void
}
/** A channel, or the second output of one. */
interface Outlet {
  _write: (this: Outlet, data: Buffer, encoding: string, done: (error?: Error | null) => void) => void
}
interface SendingChannel extends Outlet {
  readonly _client: Pick<Connected, '_protocol'>
  readonly outgoing: { readonly window: number }
}
interface ServerStderr extends Outlet {
  readonly _channel: SendingChannel
}
interface ChannelModule {
  readonly Channel: {
    new (client: undefined, info: object, options: { server: boolean }): Outlet & { readonly stderr: object }
    readonly prototype: Outlet
  }
}
/** Characters of what a peer says of a channel. */
const MAX_SAID = 300

interface Protocol {
  _onPayload: (payload: Buffer) => unknown
  _onHandshakeComplete: (...negotiated: unknown[]) => void
  readonly _packetRW: {
    readonly write: { readonly allocStart: number; alloc(length: number): Buffer; finalize(packet: Buffer): Buffer }
  }
  /** A global request that no target knows, and that each has to answer (RFC 4254, section 4). */
  ping(): void
  channelSuccess(id: number): void
  channelFailure(id: number): void
  channelOpenFail: (id: number, reason: number, text?: string) => void
  session(id: number, window: number, packetSize: number): void
}
interface Connected {
  readonly _protocol: Protocol
  /** Of global requests that are not answered yet, in their order. */
  readonly _callbacks: (() => void)[]
  readonly _sock?: Writable
  readonly _chanMgr: { readonly _channels: Record<number, unknown>; add(entry: object): number }
}
interface Inner {
  readonly _client: Connected
  readonly _callbacks: ((failed: boolean | Error) => void)[]
  readonly incoming: { readonly window: number; readonly state: string }
  readonly outgoing: { readonly id: number; readonly state: string }
}
/** A session of a server's; its channel comes with the first request that starts something. */
interface ServerSession {
  readonly _chanInfo: Pick<Inner, 'outgoing'>
  readonly _channel: unknown
  /** The input has ended. */
  readonly _ending: boolean
}

/** SSH_MSG_CHANNEL_REQUEST. */
const CHANNEL_REQUEST = 98
const END_OF_MODES = 0
const LAST_MODE = 159
/** Bytes that the peer has not taken yet: then writers wait. */
const MAX_UNSENT = 1024 * 1024
/** As the library opens channels. */
const WINDOW_BYTES = 2 * 1024 * 1024
const DATA_BYTES = 32 * 1024

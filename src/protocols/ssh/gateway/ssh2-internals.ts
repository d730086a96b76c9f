import type { Channel, ClientChannel, Connection, ServerChannel, Session as SshSession, Client } from 'ssh2'
import { visible } from '../../../shared/visible.ts'
import {
  chanInfoOf,
  channelOf,
  connected,
  connectedClient,
  channelsOf,
  connecting,
  exchangedOf,
  isServerSession,
  loginProtocolOf,
  sendings,
  sendPacket,
  type MessageHandlers,
  type Protocol,
  type Sending,
} from './ssh2-library.ts'
import {
  type ChannelRequest,
  string,
  decodeRequest,
  encodeRequest,
  decodeTerminal,
  stringOf,
  signalOf,
  sizeOf,
  uint32,
  CHANNEL_REQUEST,
} from '../wire/channel-request.ts'

/**
 * Everything that reaches into what ssh2 keeps to itself, for what its own interface gets wrong or leaves out. Another
 * version of the library makes ssh2-internals.test.ts fail.
 */

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
  const { _protocol: protocol } = connected(connection)
  const { _chanMgr: manager } = channelsOf(connection)
  explainRefusals(protocol)
  const read = protocol._onPayload
  protocol._onPayload = (payload) => {
    const request = payload[0] === CHANNEL_REQUEST ? decodeRequest(payload) : undefined
    const ssh = request && manager._channels[request.channel]
    // What is malformed, or about no session, is the library's to refuse.
    if (request === undefined || !isServerSession(ssh)) return read(payload)
    const { outgoing } = ssh._chanInfo
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
        if (ssh._channel !== undefined || ssh._ending) {
          if (request.wantsReply) protocol.channelFailure(outgoing.id)
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
        ssh.emit(END_OF_OUTPUT)
        return undefined
      case 'signal':
      case 'window-change': {
        const info = request.type === 'signal' ? signalOf(request.data) : sizeOf(request.data)
        if (info === undefined) return read(payload)
        // Neither asks for a reply (RFC 4254, 6.7 and 6.9); whoever asks all the same gets one.
        const reply = (send: 'channelSuccess' | 'channelFailure') => () => {
          if (request.wantsReply) protocol[send](outgoing.id)
        }
        ssh.emit(request.type, reply('channelSuccess'), reply('channelFailure'), info)
        return undefined
      }
      default:
        return read(payload)
    }
  }
}

const raw = new WeakMap<SshSession, RawRequests>()
const unanswered = new WeakMap<SshSession, Protocol>()

/** Emitted when the peer no longer reads the output (`eow@openssh.com`, OpenSSH's PROTOCOL, 2.1). */
export const END_OF_OUTPUT = 'end-of-output'

/** What the client asked for in the bytes that it sent. */
export const rawRequests = (ssh: SshSession): RawRequests => raw.get(ssh) ?? {}

/** Answers the `exec`, `shell` or `subsystem` request, where the client waits for an answer. Once. */
export function answer(ssh: SshSession, isTaken: boolean): void {
  const protocol = unanswered.get(ssh)
  unanswered.delete(ssh)
  const { outgoing } = chanInfoOf(ssh)
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
  const { _protocol: protocol } = connected(connection)
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
  const reason = 'reason' in error ? error.reason : undefined
  const isReason = typeof reason === 'number' && reason >= 1 && reason <= 4
  return {
    reason: isReason ? reason : OPEN_FAILURE.connectFailed,
    text: visible(error.message.replace(/^\(SSH\) Channel open failure: /, '')).slice(0, MAX_SAID),
  }
}

/** Whether the peer has closed the channel: its `close` may have been told before anybody listened. */
export const isClosed = (channel: ServerChannel | ClientChannel): boolean => {
  const { incoming, outgoing } = channelOf(channel)
  return incoming.state === 'closed' || outgoing.state === 'closed' || outgoing.state === 'closing'
}

/**
 * The library takes what comes beyond the window that it has given (RFC 4254, 5.2): somebody who sends on and on would
 * fill the memory.
 */
export function hasOverrun(connection: Client | Connection): boolean {
  // A client has none before it connects.
  const { _chanMgr: manager } = connecting(connection)
  for (const id in manager?._channels) if (windowOf(manager._channels[Number(id)]) < 0) return true
  return false
}

/** What is left of the window of a channel, or of the one that belongs to a session of a server's; 0 of anything else. */
function windowOf(entry: unknown): number {
  if (typeof entry !== 'object' || entry === null) return 0
  const channel: unknown = Reflect.get(entry, '_channel') ?? entry
  return isReceiving(channel) ? channel.incoming.window : 0
}

const isReceiving = (channel: unknown): channel is { readonly incoming: { readonly window: number } } =>
  typeof channel === 'object' &&
  channel !== null &&
  'incoming' in channel &&
  typeof channel.incoming === 'object' &&
  channel.incoming !== null

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
export function watchSending(watched: Client | Connection, listener: SendingListener): void {
  const connection = connected(watched)
  const { _protocol: protocol } = connection
  const { _onHandshakeComplete: complete } = protocol
  let isOpen = false
  let isFull = false
  const sending: Sending = {
    waiting: [],
    onData: (bytes) => listener.sent(bytes),
    goOn() {
      const { _sock: stream } = connection
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
  const { _protocol: protocol } = connected(connection)
  return { handlers: protocol._handlers, replace: (handlers) => void (protocol._handlers = handlers) }
}

/** Resolves when the target has dealt with all that was sent to it so far, or is gone. */
export function roundTrip(client: Client): Promise<true> {
  const { _protocol: protocol, _callbacks: callbacks } = connectedClient(client)
  return new Promise((resolve) => {
    callbacks.push(() => resolve(true))
    protocol.ping()
  })
}

/** What has been sent is not to be sent with the next opening of the window. */
export function forgetSent(channel: Channel): void {
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
  const { _chanMgr: manager, _protocol: protocol, _sock: socket } = channelsOf(client)
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
  const { outgoing, _callbacks: callbacks, _client: client } = channelOf(channel)
  if (outgoing.state !== 'open' && outgoing.state !== 'eof') return replied?.(false)
  if (replied !== undefined) callbacks.push((failed) => replied(failed === false))
  send(client._protocol, { channel: outgoing.id, type, wantsReply: replied !== undefined, data })
}

/** How a target's program ended, for the client. The library's own `exit` throws for signals that it does not know. */
export function sendExit(channel: ServerChannel, exit: { code: number } | ExitSignal): void {
  const { outgoing, _client: client } = channelOf(channel)
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

/**
 * Logs in with a request of our own in place of the library's `none`, which has to be its only method: it knows no certificates. What
 * it sends is made of the session identifier, once. Call it between `connect` and the first answer.
 */
export function logInWith(client: Client, request: (sessionId: Buffer) => Buffer): void {
  const protocol = loginProtocolOf(connectedClient(client)._protocol)
  protocol.authNone = () => {
    protocol._authsQueue.push('publickey')
    sendPayload(protocol, request(exchangedOf(protocol)._kex.sessionID))
  }
}

const send = (protocol: Protocol, what: ChannelRequest): void => sendPayload(protocol, encodeRequest(what))

function sendPayload(protocol: Protocol, payload: Buffer): void {
  const { write } = protocol._packetRW
  const packet = write.alloc(payload.length)
  packet.set(payload, write.allocStart)
  sendPacket(protocol, write.finalize(packet))
}
/** Characters of what a peer says of a channel. */
const MAX_SAID = 300
/** Bytes that the peer has not taken yet: then writers wait. */
const MAX_UNSENT = 1024 * 1024
/** As the library opens channels. */
const WINDOW_BYTES = 2 * 1024 * 1024
/** Somewhat less than clients take: with what masking held back of the one before, a packet still fits into one. */
const DATA_BYTES = 31 * 1024

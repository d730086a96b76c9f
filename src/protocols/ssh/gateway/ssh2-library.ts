import { readFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { basename, dirname, join, sep } from 'node:path'
import type { Duplex, Writable } from 'node:stream'
import { compileFunction } from 'node:vm'
import type * as Ssh2 from 'ssh2'
import type { Client, Connection, Session } from 'ssh2'
import { decodeCertificate, keyTypeOf, splitKey } from '../wire/certificate.ts'

declare module 'ssh2' {
  interface Server {
    /** Any stream will do. */
    injectSocket(socket: Duplex): void
  }
}

/** Algorithms of host certificates, the ones wanted most first. */
export const HOST_CERTIFICATES = [
  'ssh-ed25519-cert-v01@openssh.com',
  'ecdsa-sha2-nistp256-cert-v01@openssh.com',
  'ecdsa-sha2-nistp384-cert-v01@openssh.com',
  'ecdsa-sha2-nistp521-cert-v01@openssh.com',
  'rsa-sha2-512-cert-v01@openssh.com',
  'rsa-sha2-256-cert-v01@openssh.com',
]

/** The longest packet that either side takes, as OpenSSH has it (PACKET_MAX_SIZE). The library's own limit is 35,000 bytes. */
export const MAX_PACKET_BYTES = 256 * 1024

/** A place in a file of the library, and what stands there instead. Another version of it has to be looked at first. */
type Change = readonly [before: string, after: string]

const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  // A command is one packet.
  'crypto.js': [['const MAX_PACKET_SIZE = 35000;', `const MAX_PACKET_SIZE = ${MAX_PACKET_BYTES};`]],
  // Certificates of hosts (PROTOCOL.certkeys): the algorithm names them, the signature is one of the key in them.
  'kex.js': [
    [
      'if (sigType !== negotiated.serverHostKey) {',
      "if (sigType !== negotiated.serverHostKey.replace('-cert-v01@openssh.com', '')) {",
    ],
    [
      'bufferParser.init(this._hostKey, 0);',
      'const plainKey = certifiedKey(this._hostKey);bufferParser.init(plainKey, 0);',
    ],
    ['const hostKey = this._hostKey.slice(bufferParser.pos());', 'const hostKey = plainKey.slice(bufferParser.pos());'],
    [
      'const verified = parsedHostKey.verify(exchangeHash, sigValue, hashAlgo);',
      "const verified = parsedHostKey.verify(exchangeHash, sigValue, { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }[sigType]);",
    ],
    [
      'signature = convertSignature(signature, this._hostKey.type);',
      "signature = convertSignature(signature, this._hostKey.type.replace('-cert-v01@openssh.com', ''));",
    ],
    [
      'const sigType = this.negotiated.serverHostKey;',
      "const sigType = this.negotiated.serverHostKey.replace('-cert-v01@openssh.com', '');",
    ],
    [
      'if (hostPubKeyType !== this.negotiated.serverHostKey) {',
      "if (hostPubKeyType !== this.negotiated.serverHostKey.replace(/^rsa-sha2-(?:256|512)-cert-/, 'ssh-rsa-cert-')) {",
    ],
  ],
  'constants.js': [
    [
      "const SUPPORTED_SERVER_HOST_KEY = DEFAULT_SERVER_HOST_KEY.concat([\n  'ssh-dss',",
      `const SUPPORTED_SERVER_HOST_KEY = DEFAULT_SERVER_HOST_KEY.concat([\n  ...${JSON.stringify(HOST_CERTIFICATES)},`,
    ],
  ],
}

interface LoadedLibrary {
  readonly ssh2: typeof Ssh2
  readonly sendPacket: (protocol: Protocol, packet: Buffer) => void
}

/**
 * The library with what is changed in it: constants and lines of its files that nothing from outside can reach. This is a copy of our
 * own, whoever else has loaded the library before.
 */
function load(): LoadedLibrary {
  const require = createRequire(import.meta.url)
  const library = join(dirname(require.resolve('ssh2/package.json')), 'lib') + sep
  const isOfLibrary = (file: string): boolean => file.startsWith(library) && file.endsWith('.js')
  const before = Object.entries(require.cache).filter(([file]) => isOfLibrary(file))
  for (const [file] of before) delete require.cache[file]
  try {
    // In this order: each loads those before it.
    for (const name of ['crypto.js', 'constants.js', 'kex.js'])
      loadChanged(join(library, 'protocol', name), CHANGES[name] ?? [])
    const { sendPacket } = utilitiesOf(require('ssh2/lib/protocol/utils.js'))
    holdBack(channelModuleOf(require('ssh2/lib/Channel.js')))
    return { ssh2: libraryOf(require('ssh2')), sendPacket }
  } finally {
    for (const file of Object.keys(require.cache)) if (isOfLibrary(file)) delete require.cache[file]
    for (const [file, module] of before) require.cache[file] = module
  }
}

function loadChanged(file: string, changes: readonly Change[]): void {
  const require = createRequire(import.meta.url)
  let source = readFileSync(file, 'utf8')
  for (const [before, after] of changes) {
    const parts = source.split(before)
    if (parts.length !== 2)
      throw new Error(`this version of ssh2 has another ${basename(file)} than the one that is known`)
    source = parts.join(after)
  }
  const module = new Module(file)
  require.cache[file] = module
  const parameters = ['exports', 'require', 'module', '__filename', '__dirname', 'certifiedKey']
  compileFunction(source, parameters, { filename: file })(
    module.exports,
    createRequire(file),
    module,
    file,
    dirname(file),
    certifiedKey,
  )
  module.loaded = true
}

/** The key that a certificate is for; any other key as it is. */
const certifiedKey = (shown: Buffer): Buffer =>
  keyTypeOf(splitKey(shown).type) === undefined ? shown : decodeCertificate(shown).certificate.publicKey

/**
 * The library says at once of what is written to a channel that it was sent, while the window of the channel lasts, also where
 * keys are exchanged and it keeps it until that is over, and where the peer does not read. Windows are the peer's to give, up
 * to 4 GiB: whoever writes is told once it has gone out instead.
 */
function holdBack({ Channel }: ChannelModule): void {
  const { stderr } = new Channel(undefined, {}, { server: true })
  hold(Channel.prototype, sendingChannelOf)
  hold(outletOf(Object.getPrototypeOf(stderr)), (output) => sendingChannelOf(serverStderrOf(output)._channel))

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

/** What `typeof` says of each field that is used. */
type Fields<T> = { readonly [K in keyof T]?: 'object' | 'function' | 'string' | 'number' | 'boolean' }

/**
 * Takes a part of the library for what it is known to be, private fields included. Each part is looked at once: another version of
 * the library fails here, and not somewhere in the middle of a session.
 */
function partOf<T extends object>(name: string, fields: Fields<T>): (part: object) => T {
  const seen = new WeakSet<object>()
  const isKnown = (part: object): part is T =>
    seen.has(part) || Object.entries(fields).every(([field, type]) => typeof Reflect.get(part, field) === type)
  return (part) => {
    if (!isKnown(part)) throw new Error(`this version of ssh2 has a ${name} that the gateway does not know`)
    seen.add(part)
    return part
  }
}

const utilitiesOf = partOf<Pick<LoadedLibrary, 'sendPacket'>>('module utils.js', { sendPacket: 'function' })
const channelModuleOf = partOf<ChannelModule>('module Channel.js', { Channel: 'function' })
const libraryOf = partOf<typeof Ssh2>('module', { Client: 'function', Server: 'function', utils: 'object' })
const outletOf = partOf<Outlet>('stderr', { _write: 'function' })
const serverStderrOf = partOf<ServerStderr>('stderr', { _channel: 'object' })
const sendingChannelOf = partOf<SendingChannel>('channel', { _client: 'object', outgoing: 'object' })

const protocolOf = partOf<Protocol>('protocol', {
  _onPayload: 'function',
  _onHandshakeComplete: 'function',
  _packetRW: 'object',
  _handlers: 'object',
  ping: 'function',
  channelSuccess: 'function',
  channelFailure: 'function',
  channelOpenFail: 'function',
  requestSuccess: 'function',
  requestFailure: 'function',
  session: 'function',
})
/** The protocol of a client that is about to log in. */
export const loginProtocolOf = partOf<LoginProtocol>('protocol before the login', {
  authNone: 'function',
  _authsQueue: 'object',
  _packetRW: 'object',
})
/** The same once keys are exchanged. */
export const exchangedOf = partOf<Exchanged>('protocol at the login', { _kex: 'object' })
const connectionOf = partOf<Connected>('connection', { _protocol: 'object' })

/** A connection, of a client or of a server, once it has begun. */
export function connected(connection: Client | Connection): Connected {
  const known = connectionOf(connection)
  protocolOf(known._protocol)
  return known
}
/** A connection that may not have begun yet. */
export const connecting = partOf<Pick<Connected, '_chanMgr'>>('connection', {})
/** A connection to a target. */
export const connectedClient = partOf<ConnectedClient>('client', { _protocol: 'object', _callbacks: 'object' })
/** A connection with channels. */
export const channelsOf = partOf<WithChannels>('connection', { _protocol: 'object', _chanMgr: 'object' })
/** A channel that is open, or was. */
export const channelOf = partOf<Inner>('channel', {
  _client: 'object',
  _callbacks: 'object',
  incoming: 'object',
  outgoing: 'object',
})
const serverSessionOf = partOf<ServerSession>('session', { _chanInfo: 'object', _ending: 'boolean' })
export const chanInfoOf = (ssh: Session): ServerSession['_chanInfo'] => serverSessionOf(ssh)._chanInfo

/** Whether what a server has under the number of a channel is a session: it may also be a channel of another type, or nothing yet. */
export const isServerSession = (entry: unknown): entry is Session & ServerSession =>
  typeof entry === 'object' && entry !== null && '_chanInfo' in entry && serverSessionOf(entry) !== undefined

export const sendings = new WeakMap<Protocol, Sending>()
export const { ssh2, sendPacket } = load()

export interface Sending {
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

export interface Protocol {
  /** What is done with each message, by its name. */
  _handlers: MessageHandlers
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
  requestSuccess: (data?: Buffer) => void
  requestFailure: (data?: Buffer) => void
  session(id: number, window: number, packetSize: number): void
}
export interface LoginProtocol extends Protocol {
  /** Sends the request of the method `none` (RFC 4252, section 5.2). */
  authNone: (username: string) => void
  /** The methods of the requests that are not answered yet. */
  readonly _authsQueue: string[]
}
interface Exchanged {
  /** The key exchange, with the session identifier (RFC 4253, section 7.2). */
  readonly _kex: { readonly sessionID: Buffer }
}
export type MessageHandlers = Readonly<
  Record<string, ((protocol: MessageReplies, ...args: never[]) => void) | undefined>
>
export interface MessageReplies {
  requestFailure(): void
}
export interface Connected {
  readonly _protocol: Protocol
  readonly _sock?: Writable
  /** A client has none before it connects. */
  readonly _chanMgr?: ChannelManager
}
interface ChannelManager {
  /** By number: a channel, a session of a server's, or what waits for the answer to an opening. */
  readonly _channels: Readonly<Record<number, unknown>>
  add(entry: object): number
}
interface WithChannels extends Connected {
  readonly _chanMgr: ChannelManager
}
interface ConnectedClient extends Connected {
  /** Of global requests that are not answered yet, in their order. */
  readonly _callbacks: (() => void)[]
}
export interface Inner {
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

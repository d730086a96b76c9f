import { createHash, timingSafeEqual } from 'node:crypto'
import { WireError } from '../../../wire/wire-error.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import type { ChallengeStep, LocalChallenge, LocalLogin, LocalReason } from '../../local-half.ts'
import { encodeAuthSwitch } from '../wire/auth-switch.ts'
import { encodePackets } from '../wire/framer.ts'
import { readHandshake } from '../wire/handshake.ts'
import { encodeHandshakeResponse, readHandshakeResponse, type HandshakeResponse } from '../wire/handshake-response.ts'
import { errPacket, MAX_RESPONSE, newScramble } from './refuse.ts'

/**
 * Requires a secret as the password of the login, by the method of the greeting or the one that the client prefers. A client that uses
 * another method than that of the greeting is asked to switch: then the gateway, which does not see that, numbers its packets differently
 * from the client, up to the end of the login.
 */
export class LoginChallenge implements LocalChallenge {
  readonly login: LocalLogin = {
    fromServer: (bytes) => this.#fromServer(bytes),
    fromClient: (bytes) => (this.#shift === 0 ? bytes : this.#renumberClient(bytes)),
  }
  readonly #secret: string
  #server: Buffer = Buffer.alloc(0)
  #client: Buffer = Buffer.alloc(0)
  #scramble: Buffer | undefined
  #switched: Switched | undefined
  #hasPassed = false
  /** The bytes that the client gets before the next packet of the server. */
  #before: Buffer = Buffer.alloc(0)
  /** The number of sequence ids by which the client is ahead. */
  #shift = 0

  constructor(secret: string) {
    this.#secret = secret
  }

  push(chunk: Buffer): ChallengeStep {
    this.#client = Buffer.concat([this.#client, chunk])
    const packet = takePacket(this.#client)
    if (packet === undefined) {
      if (this.#client.length > MAX_RESPONSE) throw new WireError('handshake response: too large')
      return { type: 'more' }
    }
    if (this.#scramble === undefined) throw new WireError('the client spoke before the greeting')
    this.#client = packet.rest
    return this.#switched === undefined
      ? this.#readResponse(packet, this.#scramble)
      : this.#readSwitched(packet, this.#switched, this.#scramble)
  }

  #readResponse(packet: Packet, scramble: Buffer): ChallengeStep {
    const response = readHandshakeResponse(packet.payload)
    if (response.type === 'tls-request') return refused(packet)
    const plugin = response.plugin ?? 'mysql_native_password'
    const method = METHODS.get(plugin)
    const { authentication } = response
    if (method !== undefined && authentication.length > 0) {
      if (method.proves(authentication, this.#secret, scramble)) return this.#pass(packet.bytes)
      // A proof made with the scramble of another method is not valid: a client that saw no greeting for its method waits for a request.
      if (plugin === 'mysql_native_password') return refused(packet)
    }
    const wanted = method === undefined || method.isClear ? NATIVE : method
    this.#switched = { response, method: wanted, scramble: newScramble() }
    const data = Buffer.concat([this.#switched.scramble, Buffer.alloc(1)])
    const request = encodeAuthSwitch({ plugin: wanted.plugin, data })
    return { type: 'reply', bytes: encodePackets(request, packet.sequence + 1) }
  }

  #readSwitched(packet: Packet, switched: Switched, scramble: Buffer): ChallengeStep {
    const { response, method } = switched
    if (!method.proves(packet.payload, this.#secret, switched.scramble)) return refused(packet)
    this.#before = method.success === undefined ? Buffer.alloc(0) : encodePackets(method.success, packet.sequence + 1)
    this.#shift = packet.sequence - RESPONSE_SEQUENCE + (method.success === undefined ? 0 : 1)
    const authentication = NATIVE.prove(this.#secret, scramble)
    const rewritten = encodeHandshakeResponse({ ...response, plugin: NATIVE.plugin, authentication })
    return this.#pass(encodePackets(rewritten, RESPONSE_SEQUENCE))
  }

  #pass(bytes: Buffer): ChallengeStep {
    this.#hasPassed = true
    const rest = this.#client
    this.#client = Buffer.alloc(0)
    return { type: 'passed', bytes: Buffer.concat([bytes, this.login.fromClient(rest)]) }
  }

  #fromServer(bytes: Buffer): Buffer {
    if (this.#hasPassed && this.#shift === 0 && this.#server.length === 0) return bytes
    this.#server = Buffer.concat([this.#server, bytes])
    if (this.#hasPassed) return this.#renumberServer()
    if (this.#scramble !== undefined) return Buffer.alloc(0)
    const greeting = takePacket(this.#server)
    if (greeting === undefined) {
      if (this.#server.length > MAX_RESPONSE) throw new WireError('greeting: too large')
      return Buffer.alloc(0)
    }
    // In place of a greeting the gateway may send the reason why there is none, which the client must not see.
    if (greeting.payload[0] === ERR) return errPacket(UNAVAILABLE, greeting.sequence)
    this.#scramble = readHandshake(greeting.payload).scramble
    this.#server = greeting.rest
    return greeting.bytes
  }

  /** Renumbers packets up to OK or ERR, which end the login; each command begins at 0 again. */
  #renumberServer(): Buffer {
    const all = [this.#before]
    this.#before = Buffer.alloc(0)
    for (let packet = takePacket(this.#server); packet !== undefined; packet = takePacket(this.#server)) {
      all.push(renumbered(packet, this.#shift))
      this.#server = packet.rest
      if (packet.payload[0] !== OK && packet.payload[0] !== ERR) continue
      this.#shift = 0
      break
    }
    if (this.#shift === 0) {
      all.push(this.#server)
      this.#server = Buffer.alloc(0)
    }
    return Buffer.concat(all)
  }

  #renumberClient(bytes: Buffer): Buffer {
    this.#client = Buffer.concat([this.#client, bytes])
    const all: Buffer[] = []
    for (let packet = takePacket(this.#client); packet !== undefined; packet = takePacket(this.#client)) {
      all.push(renumbered(packet, -this.#shift))
      this.#client = packet.rest
    }
    return Buffer.concat(all)
  }
}

/** The response, and the method that the client was asked to switch to. */
interface Switched {
  readonly response: HandshakeResponse
  readonly method: Method
  readonly scramble: Buffer
}

interface Packet {
  readonly bytes: Buffer
  readonly payload: Buffer
  readonly sequence: number
  readonly rest: Buffer
}

/** The first complete packet. No packet of a login is continued by another. */
function takePacket(bytes: Buffer): Packet | undefined {
  if (bytes.length < HEADER) return undefined
  const end = HEADER + bytes.readUIntLE(0, 3)
  if (end > MAX_RESPONSE) throw new WireError('a packet of the login is too large', 'too-large')
  if (bytes.length < end) return undefined
  const payload = bytes.subarray(HEADER, end)
  return { bytes: bytes.subarray(0, end), payload, sequence: byteAt(bytes, 3), rest: bytes.subarray(end) }
}

function renumbered({ bytes, sequence }: Packet, by: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[3] = sequence + by
  return copy
}

const refused = ({ sequence }: Packet): ChallengeStep => ({
  type: 'refused',
  bytes: errPacket(WRONG_PASSWORD, sequence + 1),
})

/** How a client proves that it knows a password. */
interface Method {
  readonly plugin: string
  /** Whether the client sends the password itself. */
  readonly isClear?: boolean
  proves(proof: Buffer, password: string, scramble: Buffer): boolean
  prove(password: string, scramble: Buffer): Buffer
  /** The data that the client expects before OK. */
  readonly success?: Buffer
}

/** Spec: Native Authentication. */
const NATIVE: Method = {
  plugin: 'mysql_native_password',
  proves: (proof, password, scramble) => isSame(proof, NATIVE.prove(password, scramble)),
  prove(password, scramble) {
    const once = hash('sha1', Buffer.from(password))
    return xor(once, hash('sha1', scramble, hash('sha1', once)))
  },
}

/** Spec: Caching_sha2_password information; after a valid proof the server sends AuthMoreData. */
const CACHING_SHA2: Method = {
  plugin: 'caching_sha2_password',
  proves: (proof, password, scramble) => isSame(proof, CACHING_SHA2.prove(password, scramble)),
  prove(password, scramble) {
    const once = hash('sha256', Buffer.from(password))
    return xor(once, hash('sha256', hash('sha256', once), scramble))
  },
  success: Buffer.of(1, 3),
}

/** Spec: Clear Text Authentication: ended by a zero. */
const CLEAR: Method = {
  plugin: 'mysql_clear_password',
  isClear: true,
  proves: (proof, password) => isSame(proof, CLEAR.prove(password, proof)),
  prove: (password) => Buffer.from(`${password}\0`),
}

const METHODS: ReadonlyMap<string, Method> = new Map(
  [NATIVE, CACHING_SHA2, CLEAR].map((method) => [method.plugin, method]),
)

const hash = (algorithm: string, ...parts: readonly Buffer[]): Buffer => {
  const digest = createHash(algorithm)
  for (const part of parts) digest.update(part)
  return digest.digest()
}

const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, at) => byte ^ byteAt(b, at)))

const isSame = (a: Buffer, b: Buffer): boolean => timingSafeEqual(hash('sha256', a), hash('sha256', b))

const WRONG_PASSWORD: LocalReason = {
  code: 'TOKEN_INVALID',
  message: 'pam: this local port belongs to another user, or the password is not the one that pamctl printed',
  hint: undefined,
}
const UNAVAILABLE: LocalReason = {
  code: 'GATEWAY_LOST',
  message: 'pam: the gateway refuses connections',
  hint: undefined,
}
const OK = 0x00
const ERR = 0xff
const HEADER = 4
/** The greeting has the id 0. */
const RESPONSE_SEQUENCE = 1

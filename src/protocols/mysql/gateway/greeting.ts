import { randomBytes } from 'node:crypto'
import type { HandshakeLimits } from '../../../gateway/engine.ts'
import { sessionEndReason } from '../../../gateway/session-end-reason.ts'
import type { Channel } from '../../../shared/channel.ts'
import { PamError } from '../../../shared/errors.ts'
import { encodeAuthMoreData } from '../wire/auth-more-data.ts'
import { encodeAuthSwitch } from '../wire/auth-switch.ts'
import { statusFlags } from '../wire/capabilities.ts'
import { encodePackets, Framer, payloadOf, type Frame } from '../wire/framer.ts'
import { encodeHandshake, SCRAMBLE } from '../wire/handshake.ts'
import { readHandshakeResponse, type HandshakeResponse } from '../wire/handshake-response.ts'
import { toErr } from './error-packet.ts'
import type { KnownServer } from './known-servers.ts'

/** The client's response to the greeting. */
export interface Hello {
  readonly threadId: number
  /** The capabilities that the client has and was offered. */
  readonly capabilities: number
  readonly collation: number
  readonly user: Buffer
  readonly database: Buffer | undefined
  /** The sequence id of the packet that ends the login. */
  readonly sequence: number
  /** The bytes after its part of the login. */
  readonly rest: Buffer
}

/**
 * Sends the greeting that the target sent last, and reads the client's part of the login. No password is required: the tunnel has
 * authenticated the person, and the agent has asked for a secret if one is needed. The client's proof is answered as its method requires.
 * Spec: Connection Phase.
 */
export function greetClient(
  client: Channel,
  threadId: number,
  server: KnownServer,
  { handshake }: Pick<HandshakeLimits, 'handshake'>,
): Promise<Hello> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => fail(new PamError('HANDSHAKE_TIMEOUT', 'the client did not answer the greeting in time')),
      handshake,
    )
    const done = (): void => {
      clearTimeout(timer)
      client.pause()
    }
    const fail = (error: PamError): void => {
      done()
      if (error.code !== 'CLIENT_LEFT') client.write(encodePackets(toErr(error), login.sequence))
      reject(error)
    }
    const login = new ClientLogin(client, (response, rest) => {
      done()
      const { user, database, collation } = response
      const capabilities = response.capabilities & server.capabilities
      resolve({ threadId, capabilities, collation, user, database, sequence: login.sequence, rest })
    })
    client.handler = {
      data(chunk) {
        try {
          login.push(chunk)
        } catch (error) {
          fail(sessionEndReason(error))
        }
      },
      drained() {},
      ended: () => fail(new PamError('CLIENT_LEFT', 'the client left during the login')),
      closed: () => fail(new PamError('CLIENT_LEFT', 'the client left during the login')),
    }
    client.write(encodePackets(handshakeOf(server, threadId), 0))
    client.resume()
  })
}

const handshakeOf = ({ version, capabilities, collation }: KnownServer, threadId: number): Buffer =>
  encodeHandshake({
    version,
    threadId,
    scramble: newScramble(),
    capabilities,
    collation,
    status: statusFlags.autocommit,
    plugin: NATIVE,
  })

/** The client's part of the login, packet by packet. */
class ClientLogin {
  /** The sequence id of the next packet, from either side. */
  sequence = 1
  readonly #client: Channel
  readonly #onDone: (response: HandshakeResponse, rest: Buffer) => void
  readonly #framer = new Framer(MAX_RESPONSE_BYTES, 'the client')
  readonly #received: Buffer[] = []
  #taken = 0
  #response: HandshakeResponse | undefined
  #isDone = false

  constructor(client: Channel, onDone: (response: HandshakeResponse, rest: Buffer) => void) {
    this.#client = client
    this.#onDone = onDone
  }

  push(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#framer.push(chunk, (frame) => {
      this.#take(frame)
      return !this.#isDone
    })
  }

  #take(frame: Frame): void {
    if (frame.sequence !== this.sequence)
      throw new PamError('PROTOCOL_VIOLATION', 'the client sent packets out of order during the login')
    this.sequence = frame.next
    this.#taken += frame.bytes.length
    const payload = payloadOf(frame)
    if (this.#response === undefined) this.#answerResponse(payload)
    else this.#answerProof(payload, this.#response)
  }

  #answerResponse(payload: Buffer): void {
    const read = readHandshakeResponse(payload)
    if (read.type === 'tls-request')
      throw new PamError('FEATURE_REFUSED', 'TLS is not offered here: the connection to the gateway is encrypted', {
        hint: 'use --skip-ssl, or ssl-mode=DISABLED',
      })
    // The fields are views of a chunk whose memory may be reused.
    const response = { ...read, user: Buffer.from(read.user), database: read.database && Buffer.from(read.database) }
    this.#response = response
    const { plugin = NATIVE } = response
    if (plugin === NATIVE) return this.#succeed(response)
    // The client has not seen a scramble for its own method, so it waits for a request.
    const asked = plugin === CACHING_SHA2 ? CACHING_SHA2 : NATIVE
    const data = Buffer.concat([newScramble(), Buffer.alloc(1)])
    this.#send(encodeAuthSwitch({ plugin: asked, data }))
  }

  #answerProof(proof: Buffer, response: HandshakeResponse): void {
    if (response.plugin === CACHING_SHA2 && proof.length > 1) this.#send(encodeAuthMoreData(Buffer.of(FAST_LOGIN_DONE)))
    this.#succeed(response)
  }

  #send(payload: Buffer): void {
    this.#client.write(encodePackets(payload, this.sequence))
    this.sequence = (this.sequence + 1) & 0xff
  }

  #succeed(response: HandshakeResponse): void {
    this.#isDone = true
    this.#onDone(response, Buffer.concat(this.#received).subarray(this.#taken))
  }
}

/** Random bytes of ASCII, `!` to `}`: no zero byte, since clients read it as a string. */
const newScramble = (): Buffer => Buffer.from(randomBytes(SCRAMBLE).map((byte) => (byte % 0x5d) + 0x21))

const NATIVE = 'mysql_native_password'
const CACHING_SHA2 = 'caching_sha2_password'
const FAST_LOGIN_DONE = 3
/** Names, a proof and connection attributes, which are 64 KB at most. Source: MySQL, performance_schema_session_connect_attrs_size. */
const MAX_RESPONSE_BYTES = 128 * 1024

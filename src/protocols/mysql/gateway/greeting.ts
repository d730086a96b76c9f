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

/** What a client said when it was greeted. */
export interface Hello {
  readonly threadId: number
  /** Common to the client and what it was offered. */
  readonly capabilities: number
  readonly collation: number
  readonly user: Buffer
  readonly database: Buffer | undefined
  /** Of the packet that ends the login. */
  readonly sequence: number
  /** What came after its part of the login. */
  readonly rest: Buffer
}

/**
 * Greets as the target did last, and reads the client's part of the login. No password is asked for: the tunnel has authenticated the
 * person, and the agent has asked for a secret where one is needed. What a client proves by is answered as its method wants it. Spec:
 * Connection Phase.
 */
export function greetClient(
  client: Channel,
  threadId: number,
  server: KnownServer,
  { handshake }: Pick<HandshakeLimits, 'handshake'>,
): Promise<Hello> {
  return new Promise((resolve, reject) => {
    const framer = new Framer(LONGEST_RESPONSE, 'the client')
    const scramble = newScramble()
    let response: HandshakeResponse | undefined
    let sequence = 1
    let isDone = false
    const received: Buffer[] = []
    let taken = 0
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
      if (error.code !== 'CLIENT_LEFT') client.write(encodePackets(toErr(error), sequence))
      reject(error)
    }
    const succeed = (from: HandshakeResponse): void => {
      done()
      isDone = true
      const { user, database, collation } = from
      resolve({
        threadId,
        capabilities: from.capabilities & server.capabilities,
        collation,
        user,
        database,
        sequence,
        rest: Buffer.concat(received).subarray(taken),
      })
    }
    const take = (frame: Frame): void => {
      if (frame.sequence !== sequence)
        throw new PamError('PROTOCOL_VIOLATION', 'the client sent packets out of order during the login')
      sequence = frame.next
      taken += frame.bytes.length
      const payload = payloadOf(frame)
      if (response !== undefined) return answerProof(payload, response)
      const read = readHandshakeResponse(payload)
      if (read.type === 'tls-request')
        throw new PamError('FEATURE_REFUSED', 'TLS is not offered here: the connection to the gateway is encrypted', {
          hint: 'use --skip-ssl, or ssl-mode=DISABLED',
        })
      response = { ...read, user: Buffer.from(read.user), database: read.database && Buffer.from(read.database) }
      const { plugin = NATIVE } = response
      if (plugin === NATIVE) return succeed(response)
      // It has seen no scramble of its own method, so it waits to be asked.
      const asked = plugin === CACHING_SHA2 ? CACHING_SHA2 : NATIVE
      const data = Buffer.concat([newScramble(), Buffer.alloc(1)])
      client.write(encodePackets(encodeAuthSwitch({ plugin: asked, data }), sequence))
      sequence = (sequence + 1) & 0xff
    }
    const answerProof = (proof: Buffer, from: HandshakeResponse): void => {
      if (from.plugin === CACHING_SHA2 && proof.length > 1) {
        client.write(encodePackets(encodeAuthMoreData(Buffer.of(FAST_LOGIN_DONE)), sequence))
        sequence = (sequence + 1) & 0xff
      }
      succeed(from)
    }
    client.handler = {
      data(chunk) {
        try {
          received.push(chunk)
          framer.push(chunk, (frame) => {
            take(frame)
            return !isDone
          })
        } catch (error) {
          fail(sessionEndReason(error))
        }
      },
      drained() {},
      ended: () => fail(new PamError('CLIENT_LEFT', 'the client left during the login')),
      closed: () => fail(new PamError('CLIENT_LEFT', 'the client left during the login')),
    }
    client.write(
      encodePackets(
        encodeHandshake({
          version: server.version,
          threadId,
          scramble,
          capabilities: server.capabilities,
          collation: server.collation,
          status: statusFlags.autocommit,
          plugin: NATIVE,
        }),
        0,
      ),
    )
    client.resume()
  })
}

/** No byte of it is zero: clients take it for text. */
const newScramble = (): Buffer => Buffer.from(randomBytes(SCRAMBLE).map((byte) => (byte % 0x5d) + 0x21))

const NATIVE = 'mysql_native_password'
const CACHING_SHA2 = 'caching_sha2_password'
const FAST_LOGIN_DONE = 3
/** Names, a proof and connection attributes, which are 64 KB at most. Source: MySQL, performance_schema_session_connect_attrs_size. */
const LONGEST_RESPONSE = 128 * 1024

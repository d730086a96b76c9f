import { PamError } from '../../../../shared/errors.ts'
import { violation, type TargetMessages } from '../../../../gateway/target-messages.ts'
import { AUTH_MORE_DATA, readAuthMoreData } from '../../wire/auth-more-data.ts'
import { AUTH_SWITCH, readAuthSwitch } from '../../wire/auth-switch.ts'
import { capabilities, has } from '../../wire/capabilities.ts'
import { ERR } from '../../wire/err.ts'
import { encodePackets, payloadOf, type Frame } from '../../wire/framer.ts'
import { SCRAMBLE } from '../../wire/handshake.ts'
import { encodeHandshakeResponse } from '../../wire/handshake-response.ts'
import { OK, readOk } from '../../wire/ok.ts'
import type { AuthenticationMethod } from '../../target.ts'
import { ed25519Proof } from './ed25519.ts'
import { cachingSha2Proof, encryptedPassword, nativeProof } from './proofs.ts'
import { refusalOf } from './refusal-of.ts'
import { MAX_PACKET_OFFERED, type GreetedTarget } from './upstream-socket.ts'

export interface LoginParts {
  readonly user: string
  readonly password: string | undefined
  /** Undefined: no default database. */
  readonly database: string | undefined
  readonly collation: number
  /** Capabilities of the connection after the login. */
  readonly capabilities: number
  /** The authentication methods that the gateway may use. */
  readonly methods: readonly AuthenticationMethod[]
  /** A client certificate was presented in TLS: the account may have no password besides. */
  readonly hasCertificate: boolean
}

/** Logs in, from the greeting to the OK; returns its status flags. Spec: Connection Phase, Authentication Method. */
export async function logIn(target: GreetedTarget, parts: LoginParts): Promise<number> {
  const exchange = new LoginExchange(target, parts)
  return exchange.run()
}

/** Capabilities that only the login needs. */
const FOR_THE_LOGIN = capabilities.pluginAuth | capabilities.pluginAuthLengthEncoded | capabilities.secureConnection

class LoginExchange {
  readonly #messages: TargetMessages<Frame>
  readonly #target: GreetedTarget
  readonly #parts: LoginParts
  #sequence: number
  /** The method that was last answered; none while only an empty password was sent. */
  #method: AuthenticationMethod = 'none'
  #scramble: Buffer

  constructor(target: GreetedTarget, parts: LoginParts) {
    this.#messages = target.messages
    this.#target = target
    this.#parts = parts
    this.#sequence = target.sequence
    this.#scramble = target.greeting.scramble
    this.#messages.allow('the login', { bytes: MAX_BYTES, messages: MAX_MESSAGES })
  }

  async run(): Promise<number> {
    const { greeting, isEncrypted } = this.#target
    const { user, database, collation } = this.#parts
    const flags =
      (this.#parts.capabilities & ~capabilities.connectWithDatabase) |
      FOR_THE_LOGIN |
      (database === undefined ? 0 : capabilities.connectWithDatabase) |
      (isEncrypted ? capabilities.ssl : 0)
    const first = this.#firstProof(greeting.plugin)
    this.#send(
      encodeHandshakeResponse({
        type: 'response',
        capabilities: flags & ~capabilities.connectAttributes,
        maxPacket: MAX_PACKET_OFFERED,
        collation,
        user: Buffer.from(user),
        authentication: first,
        database: database === undefined ? undefined : Buffer.from(database),
        plugin: greeting.plugin,
        attributes: undefined,
      }),
    )
    let hasSwitched = false
    for (;;) {
      const payload = await this.#next()
      switch (payload[0]) {
        case OK:
          this.#mayAnswer(this.#method)
          return readOk(payload, this.#parts.capabilities).status
        case AUTH_SWITCH: {
          if (hasSwitched) throw violation('the target asks again after it was answered')
          hasSwitched = true
          this.#switch(payload)
          break
        }
        case AUTH_MORE_DATA:
          await this.#moreData(readAuthMoreData(payload))
          break
        case undefined:
        default:
          throw violation('the target sent something that is not part of a login')
      }
    }
  }

  /** The proof for the method that the greeting names; empty if that is not allowed, so that the target names another. */
  #firstProof(plugin: string): Buffer {
    const method = METHODS.get(plugin)
    const isProof = method === 'mysql_native_password' || method === 'caching_sha2_password'
    if (!isProof || this.#parts.password === undefined || !this.#parts.methods.includes(method)) return Buffer.alloc(0)
    this.#method = method
    return this.#proof(method)
  }

  #switch(payload: Buffer): void {
    const asked = readAuthSwitch(payload)
    const plugin = asked?.plugin ?? 'mysql_old_password'
    const method = METHODS.get(plugin)
    if (asked === undefined || method === undefined) {
      throw new PamError(
        'TARGET_CREDENTIAL',
        `the target asks for an authentication that the gateway does not support (${printable(plugin)})`,
        { side: 'upstream', hint: 'use caching_sha2_password, ed25519 or mysql_native_password for the account' },
      )
    }
    const length = method === 'client_ed25519' ? ED25519_SCRAMBLE : SCRAMBLE
    if (method !== 'mysql_clear_password') {
      if (asked.data.length < length) throw violation('the target asks for a proof and sends no scramble')
      this.#scramble = Buffer.from(asked.data.subarray(0, length))
    }
    // The proof of an empty password is empty.
    const isEmpty = this.#parts.hasCertificate && this.#parts.password === undefined && PROVE_NOTHING.includes(method)
    this.#method = isEmpty ? 'none' : method
    this.#mayAnswer(this.#method)
    this.#send(this.#proof(this.#method))
  }

  /** The first proof of the password. */
  #proof(method: AuthenticationMethod): Buffer {
    if (method === 'none') return Buffer.alloc(0)
    const password = this.#password()
    switch (method) {
      case 'mysql_native_password':
        return nativeProof(password, this.#scramble)
      case 'caching_sha2_password':
        return cachingSha2Proof(password, this.#scramble)
      case 'client_ed25519':
        return ed25519Proof(password, this.#scramble)
      case 'mysql_clear_password':
        return Buffer.from(`${password}\0`)
      case 'sha256_password':
        // With TLS the password itself, otherwise first a request for the server's key.
        return this.#target.isEncrypted ? Buffer.from(`${password}\0`) : Buffer.of(SHA256_KEY_REQUEST)
    }
  }

  /** Spec: Caching SHA-2 Authentication, SHA-256 Authentication. */
  async #moreData(data: Buffer): Promise<void> {
    if (this.#method === 'sha256_password' && !this.#target.isEncrypted) return this.#sendEncrypted(data)
    if (this.#method !== 'caching_sha2_password' || data.length !== 1)
      throw violation('the target continues an exchange that was not started')
    if (data[0] === FAST_LOGIN_DONE) return
    if (data[0] !== FULL_LOGIN) throw violation('the target continues an exchange that was not started')
    if (this.#target.isEncrypted) return this.#send(Buffer.from(`${this.#password()}\0`))
    this.#send(Buffer.of(KEY_REQUEST))
    this.#sendEncrypted(await this.#serverKey())
  }

  async #serverKey(): Promise<Buffer> {
    const payload = await this.#next()
    if (payload[0] !== AUTH_MORE_DATA) throw violation('the target does not send the key that it was asked for')
    return readAuthMoreData(payload)
  }

  #sendEncrypted(key: Buffer): void {
    this.#send(encryptedPassword(this.#password(), this.#scramble, key))
  }

  #password(): string {
    const { password } = this.#parts
    if (password === undefined || password === '')
      throw new PamError('TARGET_CREDENTIAL', 'the target asks for a password, and none is configured', {
        side: 'upstream',
        hint: 'ask your administrator to set `password` for this target',
      })
    if (password.includes('\0'))
      throw new PamError('TARGET_CREDENTIAL', 'the configured password contains a zero byte', { side: 'upstream' })
    return password
  }

  #mayAnswer(method: AuthenticationMethod): void {
    if (this.#parts.methods.includes(method)) return
    throw new PamError(
      'TARGET_CREDENTIAL',
      `the target asks for ${ASKED[method]}, which its configuration does not allow`,
      {
        side: 'upstream',
        hint: 'ask your administrator to verify its certificate (tls: verify-full), or list the method under `authentication`',
      },
    )
  }

  #send(payload: Buffer): void {
    this.#messages.send(encodePackets(payload, this.#sequence))
    this.#sequence = (this.#sequence + 1) & 0xff
  }

  async #next(): Promise<Buffer> {
    const frame = await this.#messages.next()
    if (frame.sequence !== this.#sequence) throw violation('the target sent packets out of order')
    this.#sequence = frame.next
    const payload = payloadOf(frame)
    if (payload[0] === ERR) throw refusalOf(payload)
    return payload
  }
}

const METHODS: ReadonlyMap<string, AuthenticationMethod> = new Map(
  (
    [
      'caching_sha2_password',
      'sha256_password',
      'mysql_native_password',
      'client_ed25519',
      'mysql_clear_password',
    ] as const
  ).map((name) => [name, name]),
)

const ASKED: Readonly<Record<AuthenticationMethod, string>> = {
  caching_sha2_password: 'caching_sha2_password, which may give the password to anyone who answers',
  sha256_password: 'sha256_password, which gives the password to anyone who answers',
  mysql_native_password: 'mysql_native_password',
  client_ed25519: 'an Ed25519 signature',
  mysql_clear_password: 'the password in clear text',
  none: 'no credential at all',
}

/** Methods whose answer for an empty password is empty. Spec: Native Password Authentication, Caching SHA-2 Authentication. */
const PROVE_NOTHING: readonly AuthenticationMethod[] = ['mysql_native_password', 'caching_sha2_password']

const printable = (name: string): string => (/^\w{1,64}$/.test(name) ? name : 'a malformed name')

/** Whether a server with these capabilities in its greeting can serve such a connection. */
export const offers = (offered: number, wanted: number): boolean =>
  !has(wanted & ~(offered | capabilities.longPassword), 0xffff_ffff)

const FAST_LOGIN_DONE = 3
const FULL_LOGIN = 4
const KEY_REQUEST = 2
const SHA256_KEY_REQUEST = 1
const ED25519_SCRAMBLE = 32
/** A login takes some hundred bytes; a public key has two thousand at most. */
const MAX_BYTES = 32 * 1024
const MAX_MESSAGES = 20

import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { PamError } from '../../../../shared/errors.ts'
import { FairSemaphore } from '../../../../shared/semaphore.ts'
import { WireError } from '../../../../wire/wire-error.ts'
import type { ChannelBinding } from '../../target.ts'
import { SaltedPasswords, type SaltedPasswordInput } from './salted-passwords.ts'
import { saslprep } from './saslprep.ts'

export interface ScramOptions {
  readonly password: string
  /** The TLS binding of the connection; undefined without TLS. */
  readonly tls: TlsBinding | undefined
  readonly channelBinding: ChannelBinding
  /** The mechanisms that the server offers. */
  readonly mechanisms: readonly string[]
  /** The fewest iterations to accept: with fewer, the password is cheaper to guess from the proof that the server gets. */
  readonly fewestIterations: number
}

export interface TlsBinding {
  /** The server's tls-server-end-point (RFC 5929); undefined where its certificate's signature defines none. */
  readonly endPoint: Buffer | undefined
  /** The certificate was fully verified, so that the server is the target. */
  readonly verified: boolean
}

/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, 7677): the password is never sent, and the server must prove that it knows it as well. With
 * TLS the exchange can be bound to the certificate, so that a man in the middle cannot relay it.
 */
export class ScramClient {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS'
  readonly first: Buffer
  readonly #options: ScramOptions
  readonly #nonce = randomBytes(18).toString('base64')
  readonly #header: string
  #serverSignature: Buffer | undefined

  constructor(options: ScramOptions) {
    const { mechanisms } = options
    this.#options = options
    this.#header = headerFor(options)
    this.mechanism = this.#header === BOUND ? PLUS : PLAIN
    if (!mechanisms.includes(this.mechanism)) throw new WireError('AuthenticationSASL: no mechanism that is known')
    this.first = Buffer.from(`${this.#header}${this.#firstBare}`)
  }

  get #firstBare(): string {
    // PostgreSQL takes the user name from the start-up message and expects none here.
    return `n=,r=${this.#nonce}`
  }

  /** The answer to the server's first message. Hashing for one `target` is queued, so that it does not delay others. */
  async proof(serverFirst: Buffer, target: string, signal?: AbortSignal): Promise<Buffer> {
    const text = serverFirst.toString('latin1')
    const [, nonce = '', salt = '', count] = SERVER_FIRST.exec(text) ?? []
    const iterations = Number(count)
    if (nonce === '') throw new WireError("SCRAM: the server's first message is malformed")
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length)
      throw new WireError('SCRAM: the nonce is not the one that was sent')
    const { fewestIterations } = this.#options
    if (!(iterations >= fewestIterations && iterations <= MAX_ITERATIONS))
      throw new WireError(`SCRAM: ${count} iterations are not between ${fewestIterations} and ${MAX_ITERATIONS}`)
    const { password, tls } = this.#options
    const input = { password: saslprep(password), salt: Buffer.from(salt, 'base64'), iterations }
    const salted = saltedPasswords.get(target, input) ?? (await saltedPassword(target, input, signal))
    const clientKey = hmac(salted, 'Client Key')
    const binding = Buffer.concat([
      Buffer.from(this.#header),
      ...(this.mechanism === PLUS && tls?.endPoint !== undefined ? [tls.endPoint] : []),
    ])
    const final = `c=${binding.toString('base64')},r=${nonce}`
    const message = `${this.#firstBare},${text},${final}`
    const signature = hmac(createHash('sha256').update(clientKey).digest(), message)
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), message)
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature.readUInt8(index)))
    return Buffer.from(`${final},p=${proof.toString('base64')}`)
  }

  /** Throws if the server does not prove that it knows the password. */
  verify(serverFinal: Buffer): void {
    const [, signature] = SERVER_FINAL.exec(serverFinal.toString('latin1')) ?? []
    const expected = this.#serverSignature
    const given = Buffer.from(signature ?? '', 'base64')
    if (expected === undefined || given.length !== expected.length || !timingSafeEqual(given, expected))
      throw new WireError('SCRAM: the server does not prove that it knows the password')
  }
}

/**
 * The channel binding flag (RFC 5802, section 6). A man in the middle with a certificate of its own can remove the offer, or choose a
 * certificate that cannot be bound to. Then "y" makes a server that did offer channel binding refuse the login; where that is not enough,
 * the gateway sends no proof.
 */
function headerFor({ tls, mechanisms, channelBinding }: ScramOptions): string {
  if (tls === undefined || channelBinding === 'disable') return 'n,,'
  const isOffered = mechanisms.includes(PLUS)
  if (isOffered && tls.endPoint !== undefined) return BOUND
  if (channelBinding === 'require' || (isOffered && !tls.verified))
    throw new PamError(
      'TARGET_CREDENTIAL',
      isOffered
        ? "SCRAM cannot be bound to the target's certificate: its signature names no single hash function (RFC 5929)"
        : 'the target does not offer SCRAM with channel binding (SCRAM-SHA-256-PLUS)',
      { side: 'upstream', hint: UNBOUND_HINT },
    )
  return isOffered ? 'n,,' : 'y,,'
}

const UNBOUND_HINT =
  'somebody on the path to the target may be the cause; ask your administrator to verify its certificate (tls: verify-full), or set `channelBinding`'
const saltedPasswords = new SaltedPasswords()

/** Connections that log in at the same time share the result. */
function saltedPassword(target: string, input: SaltedPasswordInput, signal?: AbortSignal): Promise<Buffer> {
  const { password, salt, iterations } = input
  const rounds = iterations <= FEW_ITERATIONS ? fewRounds : manyRounds
  const work = async (): Promise<Buffer> => {
    const known = saltedPasswords.get(target, input)
    if (known !== undefined) return known
    const salted = await derive(password, salt, iterations, 32, 'sha256')
    saltedPasswords.keep(target, input, salted)
    return salted
  }
  return rounds.take(target, work, signal)
}

const derive = promisify(pbkdf2)
/**
 * Hashing shares its threads with file and DNS calls: it uses at most two of them, one of them for servers with high iteration counts,
 * however many logins there are.
 */
const fewRounds = new FairSemaphore()
const manyRounds = new FairSemaphore()
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text, 'latin1').digest()

const BOUND = 'p=tls-server-end-point,,'
const PLAIN = 'SCRAM-SHA-256'
const PLUS = 'SCRAM-SHA-256-PLUS'
/** r=nonce,s=salt,i=iterations; PostgreSQL sends no extensions, and libpq accepts none. */
const SERVER_FIRST = /^r=([\x21-\x2b\x2d-\x7e]{1,512}),s=([A-Za-z0-9+/]{2,512}={0,2}),i=([1-9]\d{0,8})$/
const SERVER_FINAL = /^v=([A-Za-z0-9+/]{43}=)$/
/** Four times the server's default of 4096. */
const FEW_ITERATIONS = 16_384
/** About one second of hashing in one of the process's threads. The server's default is 4096. */
const MAX_ITERATIONS = 1_000_000

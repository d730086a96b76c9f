import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { WireError } from '../../wire/wire-error.ts'
import { saslprep } from './saslprep.ts'

export interface ScramOptions {
  readonly password: string
  /** Of the server's certificate (RFC 5929, tls-server-end-point); undefined where the connection has none that can be bound to. */
  readonly endPoint: Buffer | undefined
  /** What the server offers. */
  readonly mechanisms: readonly string[]
  /** Fewer rounds make it cheaper to guess the password from the proof that the server is given. */
  readonly fewestIterations: number
}

/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, 7677): the password never leaves, and the server must prove that it knows it,
 * too. With TLS the exchange is bound to the certificate, so that nobody between can pass it on.
 */
export class ScramClient {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS'
  readonly first: Buffer
  readonly #options: ScramOptions
  readonly #nonce = randomBytes(18).toString('base64')
  readonly #header: string
  #serverSignature: Buffer | undefined

  constructor(options: ScramOptions) {
    const { endPoint, mechanisms } = options
    this.#options = options
    const binds = endPoint !== undefined && mechanisms.includes(PLUS)
    if (!binds && !mechanisms.includes(PLAIN)) throw new WireError('AuthenticationSASL: no mechanism that is known')
    this.mechanism = binds ? PLUS : PLAIN
    // "y": could bind, but was not asked. A server that did offer it sees that somebody between has taken the offer away.
    this.#header = binds ? 'p=tls-server-end-point,,' : endPoint === undefined ? 'n,,' : 'y,,'
    this.first = Buffer.from(`${this.#header}${this.#firstBare}`)
  }

  get #firstBare(): string {
    // PostgreSQL takes the user from the start-up and wants none here.
    return `n=,r=${this.#nonce}`
  }

  /** The answer to the server's first message. */
  async proof(serverFirst: Buffer): Promise<Buffer> {
    const text = serverFirst.toString('latin1')
    const [, nonce = '', salt = '', count] = SERVER_FIRST.exec(text) ?? []
    const iterations = Number(count)
    if (nonce === '') throw new WireError("SCRAM: the server's first message is malformed")
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length)
      throw new WireError('SCRAM: the nonce is not the one that was sent')
    const { fewestIterations } = this.#options
    if (!(iterations >= fewestIterations && iterations <= MOST_ITERATIONS))
      throw new WireError(`SCRAM: ${count} iterations are not between ${fewestIterations} and ${MOST_ITERATIONS}`)
    const { password, endPoint } = this.#options
    const salted = await derive(saslprep(password), Buffer.from(salt, 'base64'), iterations, 32, 'sha256')
    const clientKey = hmac(salted, 'Client Key')
    const binding = Buffer.concat([
      Buffer.from(this.#header),
      ...(this.mechanism === PLUS && endPoint !== undefined ? [endPoint] : []),
    ])
    const final = `c=${binding.toString('base64')},r=${nonce}`
    const message = `${this.#firstBare},${text},${final}`
    const signature = hmac(createHash('sha256').update(clientKey).digest(), message)
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), message)
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] as number)))
    return Buffer.from(`${final},p=${proof.toString('base64')}`)
  }

  /** Throws where the server does not prove that it knows the password. */
  verify(serverFinal: Buffer): void {
    const [, signature] = SERVER_FINAL.exec(serverFinal.toString('latin1')) ?? []
    const expected = this.#serverSignature
    const given = Buffer.from(signature ?? '', 'base64')
    if (expected === undefined || given.length !== expected.length || !timingSafeEqual(given, expected))
      throw new WireError('SCRAM: the server does not prove that it knows the password')
  }
}

const derive = promisify(pbkdf2)
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text, 'latin1').digest()

const PLAIN = 'SCRAM-SHA-256'
const PLUS = 'SCRAM-SHA-256-PLUS'
/** r=nonce,s=salt,i=iterations; extensions are not sent by PostgreSQL, and libpq takes none either. */
const SERVER_FIRST = /^r=([\x21-\x2b\x2d-\x7e]{1,512}),s=([A-Za-z0-9+/]{2,512}={0,2}),i=([1-9]\d{0,8})$/
const SERVER_FINAL = /^v=([A-Za-z0-9+/]{43}=)$/
/** About a second of one of the process's threads for hashing. The server's default is 4096. */
const MOST_ITERATIONS = 1_000_000

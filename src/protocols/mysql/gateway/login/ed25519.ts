import { item } from '../../../../shared/item.ts'
import { createHash } from 'node:crypto'

/**
 * The proof of MariaDB's client_ed25519: an Ed25519 signature of the scramble, with the password, of any length, in place of the seed of 32
 * bytes. No library accepts such a seed, so the arithmetic of RFC 8032 is here. Its time depends on the secret; a target could only measure
 * that of one signature per login. Source: MariaDB, plugin/auth_ed25519/ref10/sign.c.
 */
export function ed25519Proof(password: string, scramble: Buffer): Buffer {
  const expanded = sha512(Buffer.from(password))
  const secret = clamped(expanded.subarray(0, 32))
  const publicKey = encoded(multiplied(BASE, secret))
  const nonce = mod(littleEndian(sha512(expanded.subarray(32), scramble)), ORDER)
  const commitment = encoded(multiplied(BASE, nonce))
  const challenge = mod(littleEndian(sha512(commitment, publicKey, scramble)), ORDER)
  return Buffer.concat([commitment, bytesOf(mod(nonce + challenge * secret, ORDER))])
}

/** What MariaDB stores for a password: the public key, in base64 without padding (plugin/auth_ed25519/server_ed25519.c). */
export function ed25519PublicKey(password: string): string {
  const secret = clamped(sha512(Buffer.from(password)).subarray(0, 32))
  return encoded(multiplied(BASE, secret)).toString('base64').replace(/=+$/, '')
}

/** Extended coordinates: x = X/Z, y = Y/Z, x·y = T/Z. RFC 8032, 5.1.4. */
interface Point {
  readonly x: bigint
  readonly y: bigint
  readonly z: bigint
  readonly t: bigint
}

const PRIME = 2n ** 255n - 19n
/** The order of the base point. */
const ORDER = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n
const D = 37_095_705_934_669_439_343_138_083_508_754_565_189_542_113_879_843_219_016_388_785_533_085_940_283_555n
const BASE_X = 15_112_221_349_535_400_772_501_151_409_588_531_511_454_012_693_041_857_206_046_113_283_949_847_762_202n
const BASE_Y = 46_316_835_694_926_478_169_428_394_003_475_163_141_307_993_866_256_225_615_783_033_603_165_251_855_960n

const mod = (value: bigint, modulus: bigint): bigint => ((value % modulus) + modulus) % modulus
const field = (value: bigint): bigint => mod(value, PRIME)

const BASE: Point = { x: BASE_X, y: BASE_Y, z: 1n, t: field(BASE_X * BASE_Y) }
const NEUTRAL: Point = { x: 0n, y: 1n, z: 1n, t: 0n }

function added(one: Point, other: Point): Point {
  const a = field((one.y - one.x) * (other.y - other.x))
  const b = field((one.y + one.x) * (other.y + other.x))
  const c = field(2n * one.t * other.t * D)
  const d = field(2n * one.z * other.z)
  const [e, f, g, h] = [b - a, d - c, d + c, b + a] as const
  return { x: field(e * f), y: field(g * h), z: field(f * g), t: field(e * h) }
}

function multiplied(point: Point, factor: bigint): Point {
  let result = NEUTRAL
  let power = point
  for (let left = factor; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = added(result, power)
    power = added(power, power)
  }
  return result
}

/** RFC 8032, 5.1.2. */
function encoded({ x, y, z }: Point): Buffer {
  const inverse = raised(z, PRIME - 2n)
  const bytes = bytesOf(field(y * inverse))
  if ((field(x * inverse) & 1n) === 1n) bytes[31] = item(bytes, 31) | 0x80
  return bytes
}

function raised(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let power = base
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = field(result * power)
    power = field(power * power)
  }
  return result
}

/** RFC 8032, 5.1.5. */
function clamped(bytes: Buffer): bigint {
  const copy = Buffer.from(bytes)
  copy[0] = item(copy, 0) & 0xf8
  copy[31] = (item(copy, 31) & 0x7f) | 0x40
  return littleEndian(copy)
}

const littleEndian = (bytes: Buffer): bigint => BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)

const bytesOf = (value: bigint): Buffer =>
  Buffer.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toReversed())

function sha512(...parts: readonly Buffer[]): Buffer {
  const digest = createHash('sha512')
  for (const part of parts) digest.update(part)
  return digest.digest()
}

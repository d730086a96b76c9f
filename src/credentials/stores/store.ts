/** A secret as a store gave it. */
export interface StoredSecret {
  readonly text: string
  /** Milliseconds that the store lets it be kept; undefined where it does not say. */
  readonly keepFor?: number
}

/** A store that is asked for secrets over the network or on disk. */
export interface SecretStore<Reference> {
  /** Throws StoreFailure. */
  read(reference: Reference): Promise<StoredSecret>
}

/**
 * A store did not give what it was asked for. The message is ours, for operators: it says what the store did, and has nothing of what it
 * said, which may repeat the secret.
 */
export class StoreFailure extends Error {
  /** `store`: nothing of it can be had; `secret`: this one is missing, or is not what it must be. */
  readonly scope: 'store' | 'secret'

  constructor(scope: 'store' | 'secret', message: string) {
    super(message)
    this.scope = scope
  }
}

/** What is in front of a secret that a person would not take for one. */
export function checkSecret(value: unknown): string {
  if (typeof value !== 'string')
    throw new StoreFailure('secret', value === undefined ? 'does not exist' : 'is not text')
  if (value === '') throw new StoreFailure('secret', 'is empty')
  if (Buffer.byteLength(value) > MAX_SECRET_BYTES)
    throw new StoreFailure('secret', `is longer than ${MAX_SECRET_BYTES} bytes`)
  if (value.includes('\0')) throw new StoreFailure('secret', 'contains a NUL byte')
  return value
}

/** The secret itself; where `key` is given, that member of the JSON object that it is. */
export function memberOf(value: unknown, key: string | undefined): string {
  const text = checkSecret(value)
  if (key === undefined) return text
  const object = parseObject(text)
  if (object === undefined) throw new StoreFailure('secret', `is not a JSON object, and #${key} is asked for`)
  if (!Object.hasOwn(object, key)) throw new StoreFailure('secret', `has no member ${key}`)
  return checkSecret(object[key])
}

/** A JSON object; undefined for anything else. Read its members with `Object.hasOwn` or `own`: it may have any names. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return objectOf(JSON.parse(text))
  } catch {
    return undefined
  }
}

export const objectOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  isObject(value) ? value : undefined

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A member of an object's own, whatever else has that name. */
export const own = (object: Readonly<Record<string, unknown>> | undefined, name: string): unknown =>
  object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined

/** A number of whole seconds, in milliseconds; undefined for anything else. */
export const secondsOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_SECONDS
    ? value * 1000
    : undefined

const MAX_SECRET_BYTES = 65_536
/** Of a lease: a hundred years. */
const MAX_SECONDS = 3_155_760_000

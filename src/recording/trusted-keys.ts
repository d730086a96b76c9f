import type { KeyObject } from 'node:crypto'
import { keyIdOf, SEAL_PURPOSE, SEAL_PURPOSE_2, statementVerifies, type SegmentSeal } from './seal.ts'
import type { RecordVersion } from './segment.ts'

/** A public key of the gateway and when it was in use. */
export interface TrustedKey {
  readonly key: KeyObject
  /** Milliseconds since 1970; a seal from outside this period is not trusted. */
  readonly from?: number
  readonly until?: number
}

/** Checks the signature of a seal and its time; returns the problem, undefined if the seal is valid. */
export function signatureCheck(
  keys: readonly TrustedKey[],
): (seal: SegmentSeal, version: RecordVersion) => string | undefined {
  const known = keys.map((trusted) => ({ ...trusted, id: keyIdOf(trusted.key) }))
  return (seal, version) => {
    const trusted = known.find(({ id }) => id === seal.key)
    if (trusted === undefined) return `is sealed with key ${seal.key}, which is not among the keys given`
    if (!statementVerifies(version === 2 ? SEAL_PURPOSE_2 : SEAL_PURPOSE, seal, trusted.key))
      return 'has an invalid signature'
    const when = Date.parse(seal.at)
    return when >= (trusted.from ?? -Infinity) && when <= (trusted.until ?? Infinity)
      ? undefined
      : `is sealed at ${seal.at}, when key ${seal.key} was not in use`
  }
}

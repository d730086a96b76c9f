import { createPublicKey, type KeyObject } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { firstHash, MAGIC, nextHash, parseLine } from './record-line.ts'
import { keyIdOf, sealVerifies, type Seal } from './seal.ts'

export type Verification =
  | { readonly status: 'sealed' | 'recovered'; readonly session: string; readonly events: number; readonly seal: Seal }
  /** No seal: the session is still open, or the gateway was stopped and has not started since. */
  | { readonly status: 'open'; readonly session: string | undefined; readonly events: number }
  | { readonly status: 'invalid'; readonly line: number; readonly reason: string }

/** Checks a recording against public keys, offline. Names the first line that does not hold. */
export async function verifyRecording(file: string, keys: readonly KeyObject[]): Promise<Verification> {
  let hash = firstHash()
  let events = 0
  let number = 0
  let session: string | undefined
  let found: Seal | undefined
  const invalid = (reason: string): Verification => ({ status: 'invalid', line: number, reason })
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    number++
    if (number === 1) {
      if (text !== MAGIC) return invalid(`is not a recording: it does not begin with ${MAGIC}`)
      continue
    }
    if (found !== undefined) return invalid('there is something after the seal')
    const line = parseLine(text)
    if (line === undefined) return invalid('is neither an event nor a seal')
    if (line.type === 'seal') {
      found = line.seal
      const problem = sealProblem(found, { session, events, hash }, keys)
      if (problem !== undefined) return invalid(problem)
      continue
    }
    hash = nextHash(hash, line.json)
    if (hash !== line.hash) return invalid('does not follow from the lines before it: it or one of them was changed')
    if (line.event.seq !== events) return invalid(`is event ${line.event.seq} where ${events} should be`)
    if (events === 0 && line.event.type !== 'opened') return invalid('the first event must open the session')
    if (line.event.type === 'opened') session = line.event.session
    events++
  }
  if (number === 0) return { status: 'invalid', line: 1, reason: 'is empty' }
  if (found === undefined) return { status: 'open', session, events }
  return { status: found.status, session: found.session, events, seal: found }
}

function sealProblem(
  seal: Seal,
  actual: { session: string | undefined; events: number; hash: string },
  keys: readonly KeyObject[],
): string | undefined {
  const key = keys.find((candidate) => keyIdOf(candidate) === seal.key)
  if (key === undefined) return `is sealed with key ${seal.key}, which is not among the keys given`
  if (!sealVerifies(seal, key)) return 'the signature of the seal does not verify'
  if (seal.events !== actual.events || seal.hash !== actual.hash) return 'the seal is for other events'
  if (seal.session !== actual.session) return 'the seal is for another session'
  return undefined
}

export const publicKeyFromPem = (pem: string): KeyObject => createPublicKey(pem)

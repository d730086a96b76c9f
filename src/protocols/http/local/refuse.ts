import { WireError } from '../../../wire/wire-error.ts'
import type { LocalHalf, LocalReason, LocalRefusal } from '../../local-half.ts'
import { encodeOnlyAnswer, frameTypes, readFrameHead, type PlainAnswer } from '../wire/http2-frames.ts'
import { plainAnswer } from '../wire/plain-answer.ts'
import { PREFACE, versionOf } from '../wire/preface.ts'

/** Turns a client of HTTP away with the answer to its first request, whichever version it speaks. */
export function refuseHttp(answerTo: (reason: LocalReason) => PlainAnswer): LocalHalf['refuse'] {
  return (bytes, reason) => {
    const version = versionOf(bytes)
    const refusal =
      version === undefined
        ? undefined
        : version === '2'
          ? refuseHttp2(bytes, answerTo(reason))
          : refuseHttp1(bytes, answerTo(reason))
    if (refusal === undefined && bytes.length > MAX_HEAD) throw new WireError('not an HTTP request', 'too-large')
    return refusal
  }
}

/** Once the head of the request is there: some clients take an answer in front of that for one to an earlier request. */
const refuseHttp1 = (bytes: Buffer, answer: PlainAnswer): LocalRefusal | undefined =>
  bytes.includes('\r\n\r\n') ? { reply: plainAnswer(answer), taken: bytes.length, done: true } : undefined

function refuseHttp2(bytes: Buffer, answer: PlainAnswer): LocalRefusal | undefined {
  let rest = bytes.subarray(PREFACE.length)
  for (let head = readFrameHead(rest); head !== undefined; head = readFrameHead(rest)) {
    if (head.type === frameTypes.headers)
      return { reply: encodeOnlyAnswer(head.stream, answer), taken: bytes.length, done: true }
    if (head.bytes > rest.length) return undefined
    rest = rest.subarray(head.bytes)
  }
  return undefined
}

/** What a client sends up to its first request. */
export const MAX_HEAD = 64 * 1024

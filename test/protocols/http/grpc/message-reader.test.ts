import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countMessages, encodePrefix, MessageReader } from '../../../../src/protocols/http/grpc/message-reader.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const framed = (messages: readonly Uint8Array[]): Buffer =>
  Buffer.concat(messages.flatMap((message) => [encodePrefix(message.length), Buffer.from(message)]))

/** A body in pieces of these lengths, and what is left. */
function cut(body: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const length of lengths) {
    pieces.push(body.subarray(at, at + length))
    at += length
  }
  return [...pieces, body.subarray(at)]
}

const read = (pieces: readonly Buffer[], mayBeCompressed = true) => {
  const reader = new MessageReader({ side: 'client', mayBeCompressed })
  const seen = pieces.flatMap((piece) => reader.push(piece))
  reader.end()
  return { seen, messages: reader.messages }
}

describe('messages of gRPC', () => {
  it('are the body, byte for byte, wherever it is cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 })
    fc.assert(
      fc.property(messages, fc.array(fc.nat(9)), (list, lengths) => {
        const body = framed(list)
        const { seen, messages: count } = read(cut(body, lengths))
        expect(Buffer.concat(seen.map(({ bytes }) => bytes))).toEqual(body)
        expect(count).toBe(list.length)
        expect(seen.filter((piece) => piece.type === 'bytes' && piece.isLast)).toHaveLength(list.length)
        expect(seen.filter((piece) => piece.type === 'prefix').map(({ length }) => length)).toEqual(
          list.map(({ length }) => length),
        )
      }),
    )
  })

  it('are refused where the body ends within one', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1 }), fc.nat(), (list, at) => {
        const body = framed(list)
        const ends = new Set<number>([0])
        let end = 0
        for (const { length } of list) ends.add((end += 5 + length))
        const length = at % body.length
        const whole = (): number => countMessages(body.subarray(0, length), false)
        if (ends.has(length)) expect(whole).not.toThrow()
        else expect(whole).toThrow('the body ends within a message of gRPC')
      }),
    )
  })

  it('are read, or refused with a code, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (bytes, mayBeCompressed) => {
        try {
          countMessages(Buffer.from(bytes), mayBeCompressed)
        } catch (error) {
          expect(error).toBeInstanceOf(PamError)
          expect((error as PamError).code).toBe('PROTOCOL_VIOLATION')
        }
      }),
    )
  })

  it.each([
    ['a flag that does not exist', Buffer.from([2, 0, 0, 0, 0]), 'the body is not messages of gRPC'],
    ['a form', Buffer.from('a=b&_method=DELETE'), 'the body is not messages of gRPC'],
    ['JSON', Buffer.from('{"a":"b"}'), 'the body is not messages of gRPC'],
    ['a compressed message of an unnamed encoding', Buffer.from([1, 0, 0, 0, 1, 0]), 'does not say how'],
  ])('are not %s', (_name, body, message) => {
    expect(() => countMessages(body, false)).toThrow(message)
  })

  it('may be compressed where an encoding is named', () => {
    expect(read([Buffer.from([1, 0, 0, 0, 1, 9])]).seen[0]).toMatchObject({ isCompressed: true, length: 1 })
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkText,
  codeOfViolation,
  encodeClose,
  InvalidText,
  readClose,
} from '../../../../src/protocols/http/wire/websocket-close.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'

describe('close frames of a WebSocket', () => {
  it('are read as they were written', () => {
    expect(readClose(encodeClose({ code: 1000, reason: 'done' }))).toEqual({ code: 1000, reason: 'done' })
    expect(readClose(encodeClose({ code: undefined, reason: '' }))).toEqual({ code: undefined, reason: '' })
  })

  it.each([1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])('have the code %i', (code) => {
    expect(readClose(encodeClose({ code, reason: '' })).code).toBe(code)
  })

  it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])('never have the code %i', (code) => {
    expect(() => readClose(encodeClose({ code, reason: '' }))).toThrow(WireError)
  })

  it('have a whole code, and a reason in UTF-8', () => {
    expect(() => readClose(Buffer.from([3]))).toThrow(/half a code/)
    expect(() => readClose(Buffer.from([3, 0xe8, 0xc3]))).toThrow(InvalidText)
  })

  it('hold 125 bytes, and no part of a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (reason) => {
        const payload = encodeClose({ code: 1008, reason })
        expect(payload.length).toBeLessThanOrEqual(125)
        expect(reason.startsWith(readClose(payload).reason)).toBe(true)
        if (Buffer.byteLength(reason) <= 123) expect(readClose(payload).reason).toBe(reason)
      }),
    )
  })

  it('name the violation that they are sent for', () => {
    expect(codeOfViolation(new WireError('x'))).toBe(1002)
    expect(codeOfViolation(new WireError('x', 'too-large'))).toBe(1009)
    expect(() => checkText(Buffer.from([0xed, 0xa0, 0x80]))).toThrow(InvalidText)
    expect(codeOfViolation(new InvalidText('x'))).toBe(1007)
  })
})

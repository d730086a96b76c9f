import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeMessage, statusHeaders, statusOf } from '../../../../src/protocols/http/grpc/status.ts'
import { errorCodes, type ErrorCode } from '../../../../src/shared/error-codes.ts'

describe('the status of a refused call', () => {
  it.each<[ErrorCode, number]>([
    ['COMMAND_REFUSED', 7],
    ['COMMAND_NOT_ALLOWED', 7],
    ['MASKING_REFUSED', 7],
    ['HOLD_DENIED', 7],
    ['HOLD_WITHDRAWN', 1],
    ['APPROVAL_VOID', 10],
    ['GRANT_OVER', 7],
    ['SYNTAX_ERROR', 3],
    ['FEATURE_REFUSED', 12],
    ['MESSAGE_TOO_LARGE', 8],
    ['RATE_LIMITED', 8],
    ['TARGET_UNREACHABLE', 14],
    ['TARGET_CREDENTIAL', 14],
    ['INTERNAL', 13],
  ])('%s is %i', (code, status) => {
    expect(statusOf(code)).toBe(status)
  })

  it('is never OK, and always one that gRPC has', () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      expect(statusOf(code)).toBeGreaterThan(0)
      expect(statusOf(code)).toBeLessThanOrEqual(16)
    }
  })

  it('says the code, the message, the hint and the id', () => {
    const reason = { code: 'COMMAND_REFUSED', message: 'not “here”', hint: 'rule "x"', id: 'dec_1' } as const
    expect(statusHeaders(reason)).toEqual([
      ['grpc-status', '7'],
      ['grpc-message', 'COMMAND_REFUSED: not %E2%80%9Chere%E2%80%9D (rule "x"; decision dec_1)'],
    ])
    expect(statusHeaders({ ...reason, hint: 'decision dec_1' })[1]?.[1]).not.toContain('dec_1; ')
  })

  it('is encoded as a header can have it, and decodes to the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = encodeMessage(text)
        expect(encoded).toMatch(/^[\x20-\x7e]*$/)
        expect(decodeURIComponent(encoded)).toBe(text)
      }),
    )
  })
})

import { DatabaseError } from 'pg-protocol'
import { Parser } from 'pg-protocol/dist/parser.js'
import { describe, expect, it } from 'vitest'
import {
  nativeError,
  toErrorResponse,
  toNotice,
  toRefusal,
} from '../../../../src/protocols/postgres/gateway/error-response.ts'
import { sqlstates } from '../../../../src/protocols/postgres/sqlstates.ts'
import { errorCodes, type ErrorCode } from '../../../../src/shared/error-codes.ts'
import { PamError } from '../../../../src/shared/errors.ts'

/** As the reader of clients in Node sees it. */
function read(bytes: Buffer): DatabaseError {
  let message: unknown
  new Parser().parse(bytes, (one) => (message = one))
  return message as DatabaseError
}

describe('errors of the gateway', () => {
  it.each(Object.keys(errorCodes) as ErrorCode[])('%s has an SQLSTATE', (code) => {
    const error = read(toErrorResponse(new PamError(code, 'no', { hint: 'ask' }), 'FATAL'))
    expect(error).toMatchObject({ name: 'error', severity: 'FATAL', code: sqlstates[code], hint: 'ask' })
    expect(error.code).toMatch(/^[0-9A-Z]{5}$/)
    expect(error.message).toMatch(/^pam: /)
  })

  it.each<[PamError, object]>([
    [new PamError('NO_GRANT', 'no', { id: 'dec_1' }), { message: 'pam: no', hint: 'id dec_1', severity: 'ERROR' }],
    [new PamError('NO_GRANT', 'no', { id: 'dec_1', hint: 'ask' }), { hint: 'ask' }],
    [new PamError('HOLD_WITHDRAWN', 'x'), { message: 'pam: canceling statement due to user request', code: '57014' }],
  ])('%s', (error, seen) => {
    expect(read(toErrorResponse(error))).toMatchObject(seen)
  })

  it('say of a refusal within a transaction that it is still open', () => {
    const denied = new PamError('HOLD_DENIED', 'no', { hint: 'ask' })
    const open = 'Nothing of this ran, and the transaction is still open.'
    expect(read(toRefusal(denied, true))).toMatchObject({ message: 'pam: no', detail: open, hint: 'ask' })
    expect(read(toRefusal(denied, false)).detail).toBeUndefined()
    expect(read(toRefusal(new PamError('HOLD_WITHDRAWN', 'x'), true)).detail).toBe(
      `The request for approval was withdrawn. ${open}`,
    )
  })

  it('notices are none', () => {
    expect(read(toNotice('soon over', 'ask'))).toMatchObject({
      name: 'notice',
      severity: 'NOTICE',
      message: 'pam: soon over',
      hint: 'ask',
    })
  })

  it('what the server itself would say has no prefix, and a place', () => {
    expect(read(nativeError('42601', 'syntax error', 8))).toMatchObject({
      message: 'syntax error',
      code: '42601',
      position: '8',
    })
  })
})

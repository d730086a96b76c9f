import { expect, it } from 'vitest'
import { sessionEndReason } from '../../src/gateway/session-end-reason.ts'
import { PamError } from '../../src/shared/errors.ts'
import { WireError } from '../../src/wire/wire-error.ts'

it('distinguishes errors of a peer from those of the gateway', () => {
  expect(sessionEndReason(new WireError('a bad byte'))).toMatchObject({
    code: 'PROTOCOL_VIOLATION',
    message: 'a bad byte',
  })
  expect(sessionEndReason(new WireError('too long', 'too-large')).code).toBe('MESSAGE_TOO_LARGE')
  const own = new PamError('GRANT_OVER', 'the grant expired')
  expect(sessionEndReason(own)).toBe(own)
  expect(sessionEndReason(new TypeError('a secret is undefined'))).toMatchObject({ code: 'INTERNAL' })
  expect(sessionEndReason(new TypeError('a secret is undefined')).message).not.toContain('secret')
  expect(sessionEndReason('no error at all').code).toBe('INTERNAL')
})

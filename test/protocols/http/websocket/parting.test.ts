import { expect, it } from 'vitest'
import { partingOf, type End } from '../../../../src/protocols/http/websocket/parting.ts'
import { InvalidText } from '../../../../src/protocols/http/wire/websocket-close.ts'
import { PamError } from '../../../../src/shared/errors.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'

it.each<[string, End, number | undefined, number | undefined, string | undefined]>([
  ['a usual close', { type: 'closed', by: 'client', close: { code: 1000, reason: 'x' } }, 1000, 1000, undefined],
  [
    'a close without a code',
    { type: 'closed', by: 'target', close: { code: undefined, reason: '' } },
    undefined,
    undefined,
    undefined,
  ],
  ['another close', { type: 'closed', by: 'target', close: { code: 4001, reason: '' } }, 4001, 4001, 'closed 4001'],
  ['a target that has left', { type: 'left', by: 'target' }, 1011, 1001, 'left'],
  [
    'a client that breaks the protocol',
    { type: 'broken', by: 'client', error: new WireError('x') },
    1002,
    1001,
    'closed 1002',
  ],
  ['a target that does', { type: 'broken', by: 'target', error: new InvalidText('x') }, 1011, 1007, 'closed 1007'],
  [
    'a message that is too long',
    { type: 'broken', by: 'client', error: new WireError('x', 'too-large') },
    1009,
    1001,
    'closed 1009',
  ],
  [
    'what cannot be masked',
    { type: 'broken', by: 'target', error: new PamError('MASKING_REFUSED', 'x') },
    1008,
    1003,
    'MASKING_REFUSED',
  ],
  [
    'too much at a time',
    { type: 'broken', by: 'client', error: new PamError('RATE_LIMITED', 'x') },
    1013,
    1001,
    'RATE_LIMITED',
  ],
  ['a fault of ours', { type: 'broken', by: 'client', error: new Error('x') }, 1011, 1001, 'INTERNAL'],
  ['a revoked grant', { type: 'ended', reason: new PamError('GRANT_REVOKED', 'x') }, 1008, 1001, 'GRANT_REVOKED'],
  ['a gateway that stops', { type: 'ended', reason: new PamError('SHUTTING_DOWN', 'x') }, 1001, 1001, 'SHUTTING_DOWN'],
])('%s', (_name, end, toClient, toTarget, error) => {
  const parting = partingOf(end)
  expect([parting.toClient.code, parting.toTarget.code, parting.error]).toEqual([toClient, toTarget, error])
})

it('tells a client the code and the reason of the gateway, and a target none', () => {
  const { toClient, toTarget } = partingOf({
    type: 'ended',
    reason: new PamError('GRANT_REVOKED', 'the grant was revoked'),
  })
  expect(toClient.reason).toBe('GRANT_REVOKED: the grant was revoked')
  expect(toTarget.reason).toBe('')
})

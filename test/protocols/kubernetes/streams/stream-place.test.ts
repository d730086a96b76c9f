import { describe, expect, it } from 'vitest'
import { readApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'
import { placeOf } from '../../../../src/protocols/kubernetes/streams/stream-place.ts'
import { SecondAttempts } from '../../../../src/protocols/kubernetes/streams/second-attempts.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const pod = (names: readonly string[], more: object = {}) => ({
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'dev', uid: 'u-1' },
  spec: { containers: names.map((name) => ({ name, image: `image-of-${name}` })) },
  ...more,
})

const place = (query: string, body: unknown, status = 200, stream = 'exec') => {
  const request = readApiRequest('GET', `/api/v1/namespaces/dev/pods/web-1/${stream}${query}`)
  if ('failure' in request) throw new Error(request.failure)
  return placeOf(request, (target) => {
    expect(target).toBe('/api/v1/namespaces/dev/pods/web-1')
    return Promise.resolve({ status, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) })
  })
}

describe('where a stream leads', () => {
  it.each<[string, string, unknown, object]>([
    ['the only container', '?command=ls', pod(['app']), { pod: 'u-1', container: 'app', image: 'image-of-app' }],
    ['none of several', '?command=ls', pod(['app', 'other']), { pod: 'u-1', container: '' }],
    [
      'the named one',
      '?container=other&command=ls',
      pod(['app', 'other']),
      { container: 'other', image: 'image-of-other' },
    ],
    ['one that is not there', '?container=none&command=ls', pod(['app']), { pod: 'u-1', container: 'none', image: '' }],
    [
      'another pod than asked for',
      '?container=app&command=ls',
      pod(['app'], { metadata: { name: 'x', namespace: 'dev', uid: 'u' } }),
      { pod: '' },
    ],
    ['what is no pod', '?container=app&command=ls', { kind: 'Status' }, { pod: '', container: 'app' }],
    ['what is not JSON', '?container=app&command=ls', 'x', { pod: '' }],
    [
      'what has other types',
      '?command=ls',
      pod(['app'], { spec: { containers: [null, 1, { name: 1 }] } }),
      { pod: 'u-1', container: '' },
    ],
  ])('%s', async (_, query, body, expected) => {
    expect(await place(query, body)).toMatchObject(expected)
  })

  it('is not known where the API server does not say', async () => {
    expect(await place('?container=app&command=ls', pod(['app']), 403)).toMatchObject({ pod: '', container: 'app' })
  })

  it('is a pod alone where ports are forwarded', async () => {
    expect(await place('', pod(['app']), 200, 'portforward')).toMatchObject({ pod: 'u-1', container: '' })
  })
})

describe('second attempts', () => {
  const error = new PamError('HOLD_DENIED', 'denied')
  const headers = (invocation: string) => [['kubectl-session', invocation]] as const

  it('of one invocation, for the same stream, are refused as the first was, once', () => {
    const attempts = new SecondAttempts()
    attempts.refused('s', '/exec?a', headers('k'), error)
    expect(attempts.take('s', '/exec?b', headers('k'))).toBeUndefined()
    expect(attempts.take('s', '/exec?a', headers('other'))).toBeUndefined()
    expect(attempts.take('other', '/exec?a', headers('k'))).toBeUndefined()
    expect(attempts.take('s', '/exec?a', [])).toBeUndefined()
    expect(attempts.take('s', '/exec?a', headers('k'))).toBe(error)
    expect(attempts.take('s', '/exec?a', headers('k'))).toBeUndefined()
  })

  it('are remembered up to a number', () => {
    const attempts = new SecondAttempts()
    for (let index = 0; index < 300; index++) attempts.refused('s', String(index), headers('k'), error)
    expect(attempts.take('s', '0', headers('k'))).toBeUndefined()
    expect(attempts.take('s', '299', headers('k'))).toBe(error)
  })
})

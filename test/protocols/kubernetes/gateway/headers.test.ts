import { describe, expect, it } from 'vitest'
import type { Header } from '../../../../src/protocols/http/wire/headers.ts'
import { passedAnswerHeaders } from '../../../../src/protocols/kubernetes/gateway/answer-headers.ts'
import { goDuration } from '../../../../src/protocols/kubernetes/gateway/hold.ts'
import {
  identityHeaders,
  passedHeaders,
  refusedHeader,
} from '../../../../src/protocols/kubernetes/gateway/upstream-headers.ts'

const lease = (password: string | undefined) => ({ user: 'gateway', password, release: () => Promise.resolve() })
const person = (over: object = {}) => ({
  id: 'https://id.example|jane',
  kind: 'person' as const,
  label: 'jane@example.com',
  groups: ['engineering', 'sre'],
  ...over,
})
const impersonation = { user: 'id', userPrefix: 'pam:', groupPrefix: 'pam:', groups: undefined, extra: {} } as const

describe('headers of a client', () => {
  it.each<[string, string]>([
    ['impersonate-user', 'system:admin'],
    ['impersonate-group', 'system:masters'],
    ['impersonate-uid', '1'],
    ['impersonate-extra-scopes', 'a'],
    ['x-http-method-override', 'DELETE'],
    ['x-http-method', 'DELETE'],
    ['x-method-override', 'DELETE'],
    ['x-original-url', '/api'],
    ['x-rewrite-url', '/api'],
    ['sec-websocket-protocol', 'v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.dG9rZW4'],
    ['sec-websocket-protocol', 'BASE64URL.bearer.authorization.k8s.io.dG9rZW4'],
    ['content-encoding', 'gzip'],
  ])('%s is refused', (name, value) => {
    expect(
      refusedHeader([
        ['accept', '*/*'],
        [name, value],
      ]),
    ).toBeDefined()
  })

  it('pass on if they are on the list, and are dropped otherwise', () => {
    const passed: Header[] = [
      ['accept', 'application/json'],
      ['content-type', 'application/json'],
      ['user-agent', 'kubectl/v1.37'],
      ['kubectl-command', 'kubectl get'],
    ]
    const dropped = [
      'authorization',
      'cookie',
      'x-remote-user',
      'x-remote-group',
      'x-remote-extra-a',
      'x-forwarded-for',
      'forwarded',
      'via',
      'audit-id',
      'connection',
      'te',
      'transfer-encoding',
      'content-length',
      'origin',
      'referer',
      'range',
      'expect',
      'x-anything-new',
    ].map((name): Header => [name, 'x'])
    expect(refusedHeader(dropped)).toBeUndefined()
    expect(passedHeaders([...dropped, ...passed])).toEqual(passed)
  })
})

describe('who asks', () => {
  it('is the account alone without impersonation', () => {
    expect(identityHeaders(lease('t'), person(), undefined)).toEqual([['authorization', 'Bearer t']])
    expect(identityHeaders(lease(undefined), person(), undefined)).toEqual([])
  })

  it('is the person, with prefixes, groups and fixed attributes', () => {
    const extra = { via: ['pamctl', 'prod'] }
    expect(identityHeaders(lease(undefined), person(), { ...impersonation, extra })).toEqual([
      ['impersonate-user', 'pam:https://id.example|jane'],
      ['impersonate-group', 'pam:engineering'],
      ['impersonate-group', 'pam:sre'],
      ['impersonate-extra-via', 'pamctl'],
      ['impersonate-extra-via', 'prod'],
    ])
    expect(
      identityHeaders(lease(undefined), person(), { ...impersonation, user: 'label', groups: ['sre', 'other'] }),
    ).toEqual([
      ['impersonate-user', 'pam:jane@example.com'],
      ['impersonate-group', 'pam:sre'],
    ])
  })

  it('has no two names become one, nor a line of its own', () => {
    const named = (label: string): string | undefined =>
      identityHeaders(lease(undefined), person({ label, groups: [] }), { ...impersonation, user: 'label' })[0]?.[1]
    expect(named('a\r\nimpersonate-group: system:masters')).toBe('pam:a%0D%0Aimpersonate-group:%20system:masters')
    expect(named('Jürgen')).toBe('pam:J%C3%BCrgen')
    expect(named('J%C3%BCrgen')).toBe('pam:J%25C3%25BCrgen')
    expect(named('😀')).toBe('pam:%F0%9F%98%80')
    expect(new Set(['a b', 'a%20b', 'a\u00a0b', 'a\tb'].map(named)).size).toBe(4)
  })
})

describe('headers of an answer', () => {
  const kept = (name: string, value: string, isChanged = false): boolean =>
    passedAnswerHeaders([[name, value]], isChanged).length === 1

  it.each([
    'set-cookie',
    'www-authenticate',
    'strict-transport-security',
    'alt-svc',
    'refresh',
    'clear-site-data',
    'access-control-allow-origin',
    'upgrade',
    'connection',
    'transfer-encoding',
    'keep-alive',
    'x-anything-new',
  ])('%s does not pass', (name) => expect(kept(name, 'x')).toBe(false))

  it.each(['retry-after', 'content-type', 'audit-id', 'x-kubernetes-pf-flowschema-uid', 'etag', 'content-length'])(
    '%s passes',
    (name) => expect(kept(name, 'x')).toBe(true),
  )

  it('of what is masked says nothing of its length and version', () => {
    for (const name of ['etag', 'content-length', 'content-encoding']) expect(kept(name, 'x', true)).toBe(false)
  })

  it.each<[string, boolean]>([
    ['/api/v1/pods', true],
    ['//elsewhere/api', false],
    ['/\\elsewhere', false],
    ['https://elsewhere/', false],
    ['pods', false],
    ['/a b', false],
  ])('Location %s passes: %s', (value, isKept) => expect(kept('location', value)).toBe(isKept))

  it('that Connection names do not pass', () => {
    expect(
      passedAnswerHeaders(
        [
          ['connection', 'close, ETag'],
          ['etag', 'x'],
        ],
        false,
      ),
    ).toEqual([])
  })
})

it.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ['0s', undefined],
  ['5s', 5000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['250ms', 250],
  ['10000000h', 2 ** 31 - 1],
  ['5', undefined],
  ['-5s', undefined],
  ['5s ', undefined],
  ['abc', undefined],
])('the time limit %s is %s ms', (text, milliseconds) => expect(goDuration(text)).toBe(milliseconds))

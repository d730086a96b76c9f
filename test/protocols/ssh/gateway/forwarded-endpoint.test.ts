import { describe, expect, it } from 'vitest'
import { forwardedEndpoint } from '../../../../src/protocols/ssh/gateway/forwarded-endpoint.ts'

describe('where a connection leads', () => {
  it.each([
    ['10.0.0.7', 5432, '10.0.0.7:5432'],
    ['db.internal', 5432, 'db.internal:5432'],
    ['db.internal.', 1, 'db.internal.:1'],
    ['a_b-c.x1', 65_535, 'a_b-c.x1:65535'],
    ['localhost', 22, 'localhost:22'],
    ['::1', 22, '::1:22'],
    ['0:0:0:0:0:0:0:1', 22, '::1:22'],
    ['FE80:0::1%eth0', 22, 'fe80::1%eth0:22'],
    ['::ffff:127.0.0.1', 22, '127.0.0.1:22'],
    ['::FFFF:7f00:0001', 22, '127.0.0.1:22'],
    ['0:0:0:0:0:ffff:a00:7', 22, '10.0.0.7:22'],
  ])('%s port %i is %s', (host, port, endpoint) => {
    expect(forwardedEndpoint(host, port, false)).toEqual({ endpoint, unknown: [] })
  })

  it.each([
    '',
    '*',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    'db.0x7f',
    'db.1',
    '127.0.0.1.',
    '010.0.0.7',
    '10.0.0.256',
    '10.0.0.7\0',
    'db.internal\0',
    'db.internal\n',
    ' 10.0.0.7',
    '10.0.0.7 x',
    '10.0.0.7:22',
    '[::1]',
    '::1%',
    '::1%a%b',
    '::1%e\0',
    'db..internal',
    '-db',
    'dß.internal',
    'db\u202e.internal',
    'a'.repeat(64),
    `${'a.'.repeat(127)}a`,
    '/run/docker.sock',
  ])('%j may be any host', (host) => {
    const { unknown, endpoint } = forwardedEndpoint(host, 22, false)
    expect([unknown.length, endpoint]).toEqual([1, `${host}:22`])
    // oxlint-disable-next-line no-control-regex
    expect(unknown[0]).not.toMatch(/[\0-\x1f\u202e]/)
  })

  it.each([0, 65_536, 65_558, 0xffff_fffe])('port %i is none', (port) => {
    expect(forwardedEndpoint('db', port, false).unknown).toEqual([`there is no port ${port}`])
  })

  it('on the target may be every address, and a port that it chooses', () => {
    for (const [host, port] of [
      ['', 8080],
      ['*', 0],
      ['localhost', 0],
      ['0.0.0.0', 1],
    ] as const)
      expect(forwardedEndpoint(host, port, true)).toEqual({ endpoint: `${host}:${port}`, unknown: [] })
  })
})

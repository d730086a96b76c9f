import { describe, expect, it } from 'vitest'
import { digestOf, encodeAnnouncement, readAnnouncement } from '../../../../src/protocols/http/local/announcement.ts'
import { isHostOf } from '../../../../src/protocols/http/local/local-host.ts'

describe('what the agent says of its port', () => {
  it.each([
    ['with a secret', 'a secret', digestOf('a secret')],
    ['without one', undefined, undefined],
  ])('is read in front of what the client sends, %s', (_, secret, digest) => {
    const line = encodeAnnouncement(18_443, secret)
    const bytes = Buffer.concat([line, Buffer.from('GET / HTTP/1.1\r\n')])
    expect(readAnnouncement(bytes)).toEqual({ announcement: { port: 18_443, digest }, taken: line.length })
    for (let length = 0; length < line.length; length++)
      expect(readAnnouncement(line.subarray(0, length))).toBeUndefined()
  })

  it.each([
    'GET / HTTP/1.1\r\n',
    'PRI * HTTP/2.0\r\n',
    'PAMCTL-PORT/1 \n',
    'PAMCTL-PORT/1 80 short\n',
    ' PAMCTL-PORT/1 80\n',
    'PAMCTL-PORT/1 80 \n',
    'PAMCTL-PORT/2 80\n',
    'x'.repeat(80),
  ])('is nothing else: %j', (text) => {
    expect(readAnnouncement(Buffer.from(text))).toBe('none')
  })
})

it.each([
  ['127.0.0.1:18443', true],
  ['LocalHost:18443', true],
  ['[::1]:18443', true],
  ['127.0.0.1:18444', false],
  ['127.0.0.1:018443', false],
  ['127.0.0.1', false],
  ['127.0.0.2:18443', false],
  ['localhost.example.com:18443', false],
  ['127.0.0.1:18443, 127.0.0.1:18443', false],
  ['', false],
])('the host %j of a request is that of the port 18443: %s', (host, isOwn) => {
  expect(isHostOf(host, 18_443, 443)).toBe(isOwn)
})

it("leaves out a scheme's own port, and no other", () => {
  expect([
    isHostOf('localhost', 443, 443),
    isHostOf('localhost', 80, 443),
    isHostOf('localhost:443', 443, 443),
  ]).toEqual([true, false, true])
})

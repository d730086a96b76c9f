import { assert, describe, expect, it } from 'vitest'
import { statusHeaders } from '../../../../src/protocols/http/grpc/status.ts'
import { localRefusal } from '../../../../src/protocols/http/gateway/local-access.ts'
import { digestOf } from '../../../../src/protocols/http/local/announcement.ts'
import { problemAnswer } from '../../../../src/protocols/http/problem.ts'
import type { Header } from '../../../../src/protocols/http/wire/headers.ts'

const basic = (text: string): Header => ['authorization', `Basic ${Buffer.from(text).toString('base64')}`]
const refusal = (headers: readonly Header[], host = '127.0.0.1:20123') =>
  localRefusal(
    { version: '1.1', method: 'GET', target: '/x', host, headers },
    { port: 20_123, digest: digestOf('s3cret') },
  )

describe('the local port', () => {
  it('lets in whoever has its secret, as a password or a bearer token', () => {
    for (const header of [basic('anyone:s3cret'), ['authorization', 'Bearer s3cret'] as const])
      expect(refusal([header])).toBeUndefined()
  })

  it('asks for a missing or wrong secret with a 401 that its problem repeats (RFC 9457, section 3.1.2)', () => {
    for (const headers of [[], [basic('s3cret:')], [['authorization', 'Bearer s3cre'] as const]]) {
      const error = refusal(headers)
      assert(error !== undefined)
      expect(error).toMatchObject({ code: 'PORT_SECRET', message: 'the secret of this local port is missing or wrong' })
      const answer = problemAnswer(error)
      expect(answer.status).toBe(401)
      expect(JSON.parse(answer.body.toString())).toMatchObject({ status: 401, code: 'PORT_SECRET' })
      expect(statusHeaders(error)[0]).toEqual(['grpc-status', '16'])
    }
  })

  it('treats a secret that cannot be read as missing', () => {
    const answer = problemAnswer({ code: 'SYNTAX_ERROR', message: 'the path has two slashes in a row' })
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      title: 'The request cannot be read unambiguously; it was not sent.',
    })
  })

  it('is neither for other hosts nor for browsers, whatever they send', () => {
    expect(refusal([basic('a:s3cret')], 'evil.example:20123')?.code).toBe('PROTOCOL_VIOLATION')
    expect(refusal([basic('a:s3cret'), ['sec-fetch-site', 'none']])?.code).toBe('FEATURE_REFUSED')
  })
})

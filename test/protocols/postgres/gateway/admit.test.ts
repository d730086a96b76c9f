import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { admitStartup, readGreeting } from '../../../../src/protocols/postgres/gateway/admit.ts'
import type { PostgresTarget } from '../../../../src/protocols/postgres/target.ts'
import { startup } from '../../../helpers/messages.ts'
import { TestChannel } from '../../../helpers/test-channel.ts'

const target = { user: 'app', database: 'shop' } as PostgresTarget
const LIMITS = { handshake: 1000 } as Parameters<typeof readGreeting>[1]
const admit = (parameters: Record<string, string>): Record<string, string> => {
  const given = new Map(Object.entries({ user: 'app', database: 'shop', ...parameters }))
  return Object.fromEntries(admitStartup({ minor: 0, parameters: given, rest: Buffer.alloc(0) }, target))
}
/** Length and code, as in SSLRequest. */
const packet = (code: number, body = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(8 + body.length)
  head.writeUInt32BE(code, 4)
  return Buffer.concat([head, body])
}
const [SSL, GSS, CANCEL] = [80877103, 80877104, 80877102]

describe('start-up settings', () => {
  it.each<[Record<string, string>, Record<string, string>]>([
    [{}, {}],
    [{ application_name: 'psql' }, { application_name: 'psql' }],
    [{ Application_Name: 'psql' }, { application_name: 'psql' }],
    [{ client_encoding: "'utf-8'" }, { client_encoding: 'UTF8' }],
    [{ client_encoding: 'SQL_ASCII' }, { client_encoding: 'UTF8' }],
    [{ replication: 'off' }, {}],
    [{ '_pq_.command_tag': '1' }, {}],
    [{ search_path: 'a, b' }, { search_path: 'a, b' }],
    [{ standard_conforming_strings: 'on' }, { standard_conforming_strings: 'on' }],
    [{ options: '-c datestyle=ISO --extra-float-digits=3' }, { datestyle: 'ISO', extra_float_digits: '3' }],
    [{ options: '-capplication_name=a\\ b\\\\c' }, { application_name: 'a b\\c' }],
    [{ options: '-c default_transaction_read_only=on' }, { default_transaction_read_only: 'on' }],
  ])('%j are passed on as %j', (given, passed) => {
    expect(admit(given)).toEqual(passed)
  })

  it.each<[Record<string, string>, string]>([
    [{ user: 'postgres' }, 'STARTUP_REFUSED'],
    [{ database: 'postgres' }, 'STARTUP_REFUSED'],
    [{ replication: 'true' }, 'FEATURE_REFUSED'],
    [{ replication: 'database' }, 'FEATURE_REFUSED'],
    [{ client_encoding: 'LATIN1' }, 'ENCODING_REFUSED'],
    [{ client_encoding: 'UTF8, LATIN1' }, 'ENCODING_REFUSED'],
    [{ standard_conforming_strings: 'off' }, 'STARTUP_REFUSED'],
    [{ session_authorization: 'postgres' }, 'STARTUP_REFUSED'],
    [{ options: '-c role=postgres' }, 'STARTUP_REFUSED'],
    [{ options: '-c Session_Preload_Libraries=x' }, 'STARTUP_REFUSED'],
    [{ options: '--role=postgres' }, 'STARTUP_REFUSED'],
    [{ options: '-crole=postgres' }, 'STARTUP_REFUSED'],
    [{ options: '-c' }, 'STARTUP_REFUSED'],
    [{ options: '-W 5' }, 'STARTUP_REFUSED'],
    [{ options: '-c =x' }, 'STARTUP_REFUSED'],
  ])('%j are refused', (given, code) => {
    expect(() => admit(given)).toThrow(expect.objectContaining({ code }))
  })

  it.each(['-c', '-W 5', '-c =x', 'x'])('of the options only settings are passed on: %s', (options) => {
    expect(() => admit({ options })).toThrow(/^the start-up option \S+ is not passed on$/)
  })

  it.each(['user', 'database'])('without a %s there is no session', (missing) => {
    const parameters = new Map([
      ['user', 'app'],
      ['database', 'shop'],
    ])
    parameters.delete(missing)
    expect(() => admitStartup({ minor: 0, parameters, rest: Buffer.alloc(0) }, target)).toThrow(
      `the start-up names no ${missing}`,
    )
  })
})

describe('the greeting', () => {
  let channel: TestChannel
  beforeEach(() => {
    vi.useFakeTimers()
    channel = new TestChannel()
  })
  afterEach(() => void vi.useRealTimers())

  it('declines encryption as often as it is asked for, and keeps what came early', async () => {
    const greeting = readGreeting(channel, LIMITS)
    channel.handler.data(packet(SSL))
    channel.handler.data(packet(GSS))
    const whole = startup('shop')
    channel.handler.data(whole.subarray(0, 5))
    channel.handler.data(Buffer.concat([whole.subarray(5), Buffer.from('early')]))
    const { hello } = (await greeting) as Extract<Awaited<typeof greeting>, { hello: unknown }>
    expect(channel.text).toBe('NN')
    expect(hello.parameters.get('database')).toBe('shop')
    expect(hello.rest.toString()).toBe('early')
    expect(channel.isPaused).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('hands on a key to cancel with', async () => {
    const greeting = readGreeting(channel, LIMITS)
    channel.handler.data(packet(CANCEL, Buffer.from('0000000712345678', 'hex')))
    expect(await greeting).toEqual({ cancel: Buffer.from('0000000712345678', 'hex') })
  })

  it.each<[string, Buffer, string]>([
    ['bytes behind a request for encryption', Buffer.concat([packet(SSL), Buffer.from('x')]), 'PROTOCOL_VIOLATION'],
    ['a length that is none', Buffer.from('0000000400000000', 'hex'), 'PROTOCOL_VIOLATION'],
    ['a length without end', Buffer.from('7fffffff00030000', 'hex'), 'PROTOCOL_VIOLATION'],
    ['a version that is not there', packet(0x00020000), 'PROTOCOL_VIOLATION'],
  ])('%s is refused', async (_, bytes, code) => {
    const greeting = readGreeting(channel, LIMITS)
    channel.handler.data(bytes)
    await expect(greeting).rejects.toMatchObject({ code })
  })

  it('waits for so long and no longer, and not for a client that has left', async () => {
    const silent = expect(readGreeting(channel, LIMITS)).rejects.toMatchObject({ code: 'HANDSHAKE_TIMEOUT' })
    await vi.advanceTimersByTimeAsync(1000)
    await silent
    const gone = readGreeting(channel, LIMITS)
    channel.handler.ended()
    await expect(gone).rejects.toMatchObject({ code: 'CLIENT_LEFT' })
  })
})

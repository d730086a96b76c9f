import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { ChallengeStep } from '../../../../src/protocols/local-half.ts'
import { LoginChallenge } from '../../../../src/protocols/mysql/local/challenge.ts'
import { mysqlLocal } from '../../../../src/protocols/mysql/local.ts'
import { readAuthSwitch } from '../../../../src/protocols/mysql/wire/auth-switch.ts'
import { ALWAYS_OFFERED, capabilities } from '../../../../src/protocols/mysql/wire/capabilities.ts'
import { encodeErr } from '../../../../src/protocols/mysql/wire/err.ts'
import { encodePackets } from '../../../../src/protocols/mysql/wire/framer.ts'
import { encodeHandshake, readHandshake } from '../../../../src/protocols/mysql/wire/handshake.ts'
import {
  encodeHandshakeResponse,
  readHandshakeResponse,
  type HandshakeResponse,
} from '../../../../src/protocols/mysql/wire/handshake-response.ts'

const SECRET = 'the-secret-of-this-port'
const SCRAMBLE = Buffer.from('abcdefghijklmnopqrst')
const GREETING = encodePackets(
  encodeHandshake({
    version: '11.4.5-MariaDB',
    threadId: 7,
    scramble: SCRAMBLE,
    capabilities: ALWAYS_OFFERED,
    collation: 45,
    status: 2,
    plugin: 'mysql_native_password',
  }),
  0,
)
const OK = (sequence: number): Buffer => encodePackets(Buffer.from([0, 0, 0, 2, 0, 0, 0]), sequence)

const hash = (algorithm: string, ...parts: Buffer[]): Buffer =>
  parts.reduce((digest, part) => digest.update(part), createHash(algorithm)).digest()
const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, at) => byte ^ (b[at] as number)))
const native = (password: string, scramble: Buffer): Buffer => {
  const once = hash('sha1', Buffer.from(password))
  return xor(once, hash('sha1', scramble, hash('sha1', once)))
}
const sha2 = (password: string, scramble: Buffer): Buffer => {
  const once = hash('sha256', Buffer.from(password))
  return xor(once, hash('sha256', hash('sha256', once), scramble))
}
const clear = (password: string): Buffer => Buffer.from(`${password}\0`)

const response = (plugin: string | undefined, authentication: Buffer, flags = ALWAYS_OFFERED): Buffer =>
  encodePackets(
    encodeHandshakeResponse({
      type: 'response',
      capabilities: plugin === undefined ? flags & ~capabilities.pluginAuth : flags,
      maxPacket: 1 << 24,
      collation: 45,
      user: Buffer.from('app'),
      authentication,
      database: Buffer.from('shop'),
      plugin,
      attributes: [],
    }),
    1,
  )

function greeted(): LoginChallenge {
  const challenge = new LoginChallenge(SECRET)
  expect(challenge.login.fromServer(GREETING)).toEqual(GREETING)
  return challenge
}

const shown = (step: ChallengeStep): string => ('bytes' in step ? step.bytes.toString('latin1') : step.type)

describe('a secret demanded as the password of a MySQL login', () => {
  it.each<[string, string | undefined, Buffer]>([
    ['mysql_native_password', 'mysql_native_password', native(SECRET, SCRAMBLE)],
    ['no method, as clients before there were several', undefined, native(SECRET, SCRAMBLE)],
    ['caching_sha2_password', 'caching_sha2_password', sha2(SECRET, SCRAMBLE)],
    ['mysql_clear_password', 'mysql_clear_password', clear(SECRET)],
  ])('passes what a client with the right one sends under %s, as it is', (_name, plugin, proof) => {
    const whole = response(plugin, proof)
    for (let cut = 0; cut <= whole.length; cut++) {
      const challenge = greeted()
      if (cut < whole.length) expect(challenge.push(whole.subarray(0, cut))).toEqual({ type: 'more' })
      const step = challenge.push(cut === whole.length ? whole : whole.subarray(cut))
      expect(step).toEqual({ type: 'passed', bytes: whole })
      expect(challenge.login.fromServer(OK(2))).toEqual(OK(2))
      expect(challenge.login.fromClient(Buffer.from('more'))).toEqual(Buffer.from('more'))
    }
  })

  it.each<[string, Buffer]>([
    ['another password', native('guess', SCRAMBLE)],
    ['the secret for another greeting', native(SECRET, Buffer.alloc(20, 'x'))],
    ['the beginning of the proof', native(SECRET, SCRAMBLE).subarray(0, 10)],
    ['the hash that a server keeps', hash('sha1', hash('sha1', Buffer.from(SECRET)))],
  ])('refuses %s', (_name, proof) => {
    const step = greeted().push(response('mysql_native_password', proof))
    expect(step.type).toBe('refused')
    expect(shown(step)).toMatch(/^.{4}\xff..#28000pam: this local port belongs to another user/s)
  })

  it.each<[string, string | undefined, Buffer, string]>([
    ['nothing yet, in the method of MySQL 8', 'caching_sha2_password', Buffer.alloc(0), 'caching_sha2_password'],
    [
      'a proof for another greeting',
      'caching_sha2_password',
      sha2(SECRET, Buffer.alloc(20, 'x')),
      'caching_sha2_password',
    ],
    ['nothing at all', 'mysql_native_password', Buffer.alloc(0), 'mysql_native_password'],
    ['a method that is not known', 'dialog', Buffer.from('x'), 'mysql_native_password'],
    ['another password in clear', 'mysql_clear_password', clear('guess'), 'mysql_native_password'],
  ])('asks a client that sends %s to switch', (_name, plugin, first, wanted) => {
    for (const [password, isRight] of [
      [SECRET, true],
      ['guess', false],
      ['', false],
    ] as const) {
      const challenge = greeted()
      const asked = challenge.push(response(plugin, first))
      if (asked.type !== 'reply') throw new Error(asked.type)
      expect(asked.bytes[3]).toBe(2)
      const request = readAuthSwitch(asked.bytes.subarray(4))
      expect(request).toMatchObject({ plugin: wanted, data: expect.any(Buffer) as Buffer })
      const scramble = request?.data.subarray(0, 20) as Buffer
      expect(scramble.equals(SCRAMBLE)).toBe(false)
      const prove = wanted === 'caching_sha2_password' ? sha2 : native
      const step = challenge.push(encodePackets(password === '' ? Buffer.alloc(0) : prove(password, scramble), 3))
      expect(step.type).toBe(isRight ? 'passed' : 'refused')
      if (step.type !== 'passed') continue
      // The gateway sees a login by the method of its own greeting.
      expect(step.bytes[3]).toBe(1)
      const passed = readHandshakeResponse(step.bytes.subarray(4)) as HandshakeResponse
      expect(passed).toMatchObject({ plugin: 'mysql_native_password', database: Buffer.from('shop') })
      expect(passed.authentication).toEqual(native(SECRET, SCRAMBLE))
      // And what it says up to the end of the login goes on behind what the client has had.
      const told = challenge.login.fromServer(Buffer.concat([OK(2), OK(1)]))
      const ahead = wanted === 'caching_sha2_password' ? 1 : 0
      const success = ahead === 1 ? encodePackets(Buffer.of(1, 3), 4) : Buffer.alloc(0)
      expect(told).toEqual(Buffer.concat([success, OK(4 + ahead), OK(1)]))
      expect(challenge.login.fromClient(Buffer.from([1, 0, 0, 0, 14]))).toEqual(Buffer.from([1, 0, 0, 0, 14]))
    }
  })

  it('numbers both ways while the gateway asks for more', () => {
    const challenge = greeted()
    const asked = challenge.push(response('dialog', Buffer.alloc(0))) as { readonly bytes: Buffer }
    const scramble = readAuthSwitch(asked.bytes.subarray(4))?.data.subarray(0, 20) as Buffer
    challenge.push(encodePackets(native(SECRET, scramble), 3))
    const more = (sequence: number): Buffer => encodePackets(Buffer.of(1, 4), sequence)
    expect(challenge.login.fromServer(more(2).subarray(0, 3))).toHaveLength(0)
    expect(challenge.login.fromServer(more(2).subarray(3))).toEqual(more(4))
    expect(challenge.login.fromClient(more(5).subarray(0, 5))).toHaveLength(0)
    expect(challenge.login.fromClient(more(5).subarray(5))).toEqual(more(3))
    expect(challenge.login.fromServer(OK(4))).toEqual(OK(6))
    expect(challenge.login.fromServer(OK(1))).toEqual(OK(1))
  })

  it('says nothing of what the gateway says before the client has passed', () => {
    const challenge = new LoginChallenge(SECRET)
    const reason = { code: 'NO_GRANT', message: 'no grant for prod', hint: undefined } as const
    const greeting = mysqlLocal.refuse(Buffer.alloc(0), reason, 0)?.reply as Buffer
    expect(challenge.login.fromServer(greeting)).toEqual(greeting)
    expect(challenge.login.fromServer(encodePackets(Buffer.from('early'), 2))).toHaveLength(0)
    const { scramble } = readHandshake(greeting.subarray(4))
    const step = challenge.push(response('mysql_native_password', native(SECRET, scramble)))
    if (step.type !== 'passed') throw new Error(step.type)
    const told = challenge.login.fromServer(mysqlLocal.refuse(step.bytes, reason, 1)?.reply as Buffer)
    expect(told.toString('latin1')).toMatch(/early.{4}\xff..#28000no grant for prod$/s)

    const early = new LoginChallenge(SECRET)
    const err = encodePackets(
      encodeErr({ code: 1040, sqlstate: '08004', message: Buffer.from('no grant for prod') }),
      0,
    )
    expect(early.login.fromServer(err).toString('latin1')).toMatch(/pam: the gateway refuses connections$/)
  })

  it.each<[string, Buffer]>([
    ['a request to encrypt', encodePackets(Buffer.concat([Buffer.from([0x00, 0x0a, 0, 0]), Buffer.alloc(28)]), 1)],
    ['what is not a response', encodePackets(Buffer.from('hello'), 1)],
    [
      'a response with bytes behind it',
      encodePackets(Buffer.concat([response('x', Buffer.alloc(1)).subarray(4), Buffer.from('x')]), 1),
    ],
    ['more than a response can have', Buffer.alloc(70_000, 0xff)],
  ])('passes nothing of %s', (_name, bytes) => {
    const challenge = greeted()
    let step: ChallengeStep | undefined
    try {
      step = challenge.push(bytes)
    } catch {}
    expect(step?.type ?? 'thrown').toMatch(/^(refused|thrown)$/)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PasswordChallenge } from '../../../../src/protocols/postgres/local/challenge.ts'
import { passwordMessage } from '../../../../src/protocols/postgres/wire/password-message.ts'
import { refuse } from '../../../../src/protocols/postgres/local/refuse.ts'
import { encodeMessage } from '../../../../src/protocols/postgres/wire/server-message.ts'
import {
  encodeStartupPacket,
  readStartupPacket,
  type StartupPacket,
} from '../../../../src/protocols/postgres/wire/startup.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'

const text = fc.string({ minLength: 1, maxLength: 20 }).filter((value) => !value.includes('\0'))
const packet: fc.Arbitrary<StartupPacket> = fc.oneof(
  fc.constant({ type: 'ssl-request' as const }),
  fc.constant({ type: 'gssenc-request' as const }),
  fc.record({
    type: fc.constant('cancel-request' as const),
    processId: fc.nat(),
    secretKey: fc.uint8Array({ minLength: 4, maxLength: 256 }).map((key) => Buffer.from(key)),
  }),
  fc.record({
    type: fc.constant('startup' as const),
    major: fc.constant(3),
    minor: fc.nat(9),
    parameters: fc.array(fc.tuple(text, text), { maxLength: 6 }).map((entries) => new Map(entries)),
  }),
)
const startup = (parameters: Record<string, string>): Buffer =>
  encodeStartupPacket({ type: 'startup', major: 3, minor: 0, parameters: new Map(Object.entries(parameters)) })
const SSL = encodeStartupPacket({ type: 'ssl-request' })

describe('start-up packets', () => {
  it('reads what it wrote, and waits at every cut', () => {
    fc.assert(
      fc.property(packet, (original) => {
        const bytes = encodeStartupPacket(original)
        expect(readStartupPacket(bytes)).toEqual({ packet: original, length: bytes.length })
        for (let cut = 0; cut < bytes.length; cut++) expect(readStartupPacket(bytes.subarray(0, cut))).toBeUndefined()
      }),
      { numRuns: 60 },
    )
  })

  it.each([
    ['a length of 0', '00000000'],
    ['a length of 2 GB', '7fffffff00030000'],
    ['protocol 2', '0000000800020000'],
    ['an unfinished parameter', '0000000d0003000075736572 00'.replace(' ', '')],
    ['a cancel request without key', '0000000c04d2162e00000001'],
    ['a cancel request with a key too long', `0000010f04d2162e00000001${'00'.repeat(259)}`],
  ])('refuses %s', (_what, hex) => {
    expect(() => readStartupPacket(Buffer.from(hex, 'hex'))).toThrow(WireError)
  })

  it('any bytes: a packet, a wait, or a WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          readStartupPacket(Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })
})

describe('refuse', () => {
  const reason = { message: 'no grant', sqlstate: '28000', hint: 'ask for one' }

  it('declines encryption first, then shows a FATAL with the remedy', () => {
    expect(refuse(SSL, reason)).toEqual({ reply: Buffer.from('N'), taken: 8, done: false })
    const step = refuse(startup({ user: 'jane' }), reason)
    expect(step?.done).toBe(true)
    expect(step?.reply.toString('latin1')).toMatch(/^E....SFATAL\0VFATAL\0C28000\0Mno grant\0Hask for one\0\0$/s)
  })

  it('never answers a cancel request', () => {
    const cancel = encodeStartupPacket({ type: 'cancel-request', processId: 1, secretKey: Buffer.alloc(4) })
    expect(refuse(cancel, reason)).toEqual({ reply: Buffer.alloc(0), taken: 16, done: true })
  })
})

describe('PasswordChallenge', () => {
  const password = (value: string): Buffer => encodeMessage(passwordMessage, { type: 'password', password: value })

  it('lets the start-up through only after the right password', () => {
    const challenge = new PasswordChallenge('s3cret')
    expect(challenge.push(SSL)).toEqual({ type: 'reply', bytes: Buffer.from('N') })
    const hello = startup({ user: 'app', database: 'app' })
    expect(challenge.push(hello).type).toBe('reply')
    expect(challenge.push(password('s3cret'))).toEqual({ type: 'passed', bytes: hello })
  })

  it.each(['', 'S3cret', 's3cret ', 'x'.repeat(500)])('refuses %j', (wrong) => {
    const challenge = new PasswordChallenge('s3cret')
    challenge.push(startup({ user: 'app' }))
    expect(challenge.push(password(wrong)).type).toBe('refused')
  })

  it('refuses a query in place of the password', () => {
    const challenge = new PasswordChallenge('s3cret')
    challenge.push(startup({ user: 'app' }))
    expect(challenge.push(Buffer.from('510000000a73656c65637400', 'hex')).type).toBe('refused')
  })
})

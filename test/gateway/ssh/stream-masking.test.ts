import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamMasking } from '../../../src/gateway/ssh/stream-masking.ts'
import type { MaskedKind } from '../../../src/masking/plan.ts'
import { maskingKinds, type CustomKind } from '../../../src/policy/policy.ts'

const KEYS = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }
const custom: CustomKind = {
  name: 'ticket',
  pattern: 'TCK-[0-9]{6}',
  find: (text) =>
    [...text.matchAll(/TCK-\d{6}/g)].map((match) => ({ start: match.index, end: match.index + match[0].length })),
}
const ALL: readonly MaskedKind[] = [...maskingKinds, custom].map((kind) => ({
  kind,
  style: 'redact',
  hashScope: 'session',
}))

function masked(chunks: readonly (string | Buffer)[], { keepWidth = false, kinds = ALL } = {}): string {
  const masking = new StreamMasking({ kinds, keys: KEYS, keepWidth })
  const out = chunks.map((chunk) => masking.push(Buffer.from(chunk as string)))
  return Buffer.concat([...out, masking.flush()]).toString('utf8')
}
/** At every border there is. */
const everySplit = (text: string): string[][] => {
  const bytes = Buffer.from(text)
  return Array.from(
    { length: bytes.length - 1 },
    (_, at) => [bytes.subarray(0, at + 1), bytes.subarray(at + 1)] as never,
  )
}
const byteByByte = (text: string): Buffer[] => [...Buffer.from(text)].map((byte) => Buffer.from([byte]))

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const KEY = `-----BEGIN OPENSSH PRIVATE KEY-----\n${'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n'.repeat(5)}-----END OPENSSH PRIVATE KEY-----`

/** What stands in a text, and what must not come out of it. */
const CASES: readonly (readonly [string, string, string])[] = [
  ['an address', 'to jane.doe@example.com now\n', 'jane.doe@example.com'],
  ['an address at the end', 'to jane.doe@example.com', 'jane.doe@example.com'],
  ['an address with letters of another script', 'an jürgen.müller@exämple.de!\n', 'jürgen.müller@exämple.de'],
  ['a card', 'card 4111111111111111 ok\n', '4111111111111111'],
  ['a card in groups', 'card 4111 1111 1111 1111 ok\n', '4111 1111 1111 1111'],
  ['a card with dashes at the end', 'card 4111-1111-1111-1111', '4111-1111-1111-1111'],
  ['an IBAN', 'DE89370400440532013000\n', 'DE89370400440532013000'],
  ['an IBAN in groups', 'pay DE89 3704 0044 0532 0130 00 today\n', 'DE89 3704 0044 0532 0130 00'],
  ['a phone number', 'call +49 30 1234567 now\n', '+49 30 1234567'],
  ['a number of the social security', 'ssn 219-09-9999.\n', '219-09-9999'],
  ['an address of the internet', 'from 203.0.113.77 port\n', '203.0.113.77'],
  ['an address of IPv6', 'from 2001:db8::8a2e:370:7334 port\n', '2001:db8::8a2e:370:7334'],
  ['a token', `token ${JWT} end\n`, JWT],
  ['a token at the end', `token ${JWT}`, JWT],
  ['a private key', `${KEY}\n`, 'b3BlbnNzaC1rZXk'],
  ['a private key that is cut off', KEY.slice(0, 200), 'b3BlbnNzaC1rZXk'],
  ['a key of a cloud', 'export K=AKIAIOSFODNN7EXAMPLE\n', 'AKIAIOSFODNN7EXAMPLE'.slice(0, 20)],
  ['a key of a forge', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789 x\n', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'],
  ['a kind of the rule itself', 'see TCK-123456, please\n', 'TCK-123456'],
  ['two side by side', 'a@example.com,b@example.org\n', 'b@example.org'],
  ['one after a carriage return', '50%\rjane@example.com\n', 'jane@example.com'],
  ['one in colours', '\x1b[31mjane@\x1b[1mexample\x1b[0m.com\n', 'jane@'],
  ['one as grep shows it', 'x \x1b[01;31m\x1b[Kjane@example.com\x1b[m\x1b[K y\n', 'jane@example.com'],
  ['one in the title of a window', '\x1b]0;jane@example.com\x07$ ', 'jane@example.com'],
  ['one after a move of the cursor', '\x1b[2;5Hjane@example.com\x1b[3;1H', 'jane@example.com'],
  ['one beside a picture of four bytes', '😀 jane@example.com 😀\n', 'jane@example.com'],
  [
    'one beside bytes that are no UTF-8',
    Buffer.from([0xff, 0xc3, 0x20]).toString('latin1') + 'jane@example.com\n',
    'jane@example.com',
  ],
]

/** The text without escape sequences, as a person reads it. */
// oxlint-disable-next-line no-control-regex
const plain = (text: string): string => text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, '')

describe('values in a stream', () => {
  it.each(CASES)('%s is hidden wherever the chunks part', (_, text, value) => {
    const whole = masked([text])
    expect(plain(whole)).not.toContain(plain(value))
    for (const chunks of everySplit(text)) expect(masked(chunks)).toBe(whole)
    expect(masked(byteByByte(text))).toBe(whole)
    expect(plain(masked(byteByByte(text), { keepWidth: true }))).not.toContain(plain(value))
  })

  it('keeps the width of what it hides on a screen, and every escape sequence', () => {
    const text = 'a \x1b[31mjane@\x1b[1mexample.com\x1b[0m b 4111 1111 1111 1111 c\r\n'
    const out = masked([text], { keepWidth: true })
    expect(out).toBe('a \x1b[31m*****\x1b[1m***********\x1b[0m b ******************* c\r\n')
  })

  it('changes nothing where there is nothing to hide: any bytes, in any pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }), fc.boolean(), (chunks, keepWidth) => {
        const kinds = ALL.filter(({ kind }) => kind === 'jwt' || kind === 'private-key' || kind === custom)
        const masking = new StreamMasking({ kinds, keys: KEYS, keepWidth })
        const out = [...chunks.map((chunk) => masking.push(Buffer.from(chunk))), masking.flush()]
        expect(Buffer.concat(out)).toEqual(Buffer.concat(chunks))
      }),
    )
  })

  it('hides the same, however a text of values is cut', () => {
    const part = fc.oneof(
      fc.constantFrom(
        'jane@example.com',
        '4111111111111111',
        'TCK-123456',
        JWT,
        'AKIAIOSFODNN7EXAMPLE',
        '\x1b[1m',
        '\x1b[2J',
        'ü',
        '😀',
      ),
      fc.constantFrom(' ', '\n', ' and ', '\r\n', ': '),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(400), { maxLength: 8 }), (parts, cuts) => {
        const bytes = Buffer.from(parts.join('\n'))
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length]
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
        expect(masked(chunks)).toBe(masked([bytes]))
      }),
    )
  })

  it('a value whose beginning has gone out already is hidden from there on', () => {
    const masking = new StreamMasking({ kinds: ALL, keys: KEYS, keepWidth: false })
    const first = Buffer.concat([masking.push(Buffer.from('jane')), masking.flush()]).toString()
    const rest = Buffer.concat([masking.push(Buffer.from('@example.com\n')), masking.flush()]).toString()
    expect([first, rest]).toEqual(['jane', '\n'])
  })

  it('what is surely the beginning of a secret does not go out because it is slow', () => {
    for (const [begun, rest] of [
      [JWT.slice(0, 30), JWT.slice(30)],
      ['AKIAIOSFODN', 'N7EXAMPLE'],
    ] as const) {
      const masking = new StreamMasking({ kinds: ALL, keys: KEYS, keepWidth: false })
      const out = Buffer.concat([
        masking.push(Buffer.from(begun)),
        masking.flush(),
        masking.push(Buffer.from(`${rest}\n`)),
        masking.flush(),
      ])
      expect(out.toString()).not.toContain(begun)
      expect(out.toString()).not.toContain(rest)
    }
  })

  it('a private key that comes line by line, slowly, is hidden to its end', () => {
    const masking = new StreamMasking({ kinds: ALL, keys: KEYS, keepWidth: false })
    const lines = `before\n${KEY}\nafter\n`.split(/(?<=\n)/)
    const out = lines
      .map((line) => Buffer.concat([masking.push(Buffer.from(line)), masking.flush()]).toString())
      .join('')
    expect(out).not.toContain('b3BlbnNzaC1rZXk')
    expect(out).toContain('before\n')
    expect(out).toContain('after\n')
  })

  it('a stand-in of a value', () => {
    const kinds: MaskedKind[] = [{ kind: 'email', style: 'partial', hashScope: 'session' }]
    expect(masked(['mail jane@example.com\n'], { kinds })).toBe('mail j***@***.com\n')
  })
})

import xterm from '@xterm/headless'
import fc from 'fast-check'
import { RE2JS } from 're2js'
import { describe, expect, it } from 'vitest'
import { MAX_HELD_BYTES, StreamMasking } from '../../../src/host/output/stream-masking.ts'
import type { MaskedKind } from '../../../src/masking/plan.ts'
import { detectors } from '../../../src/masking/replace.ts'
import { maskingKinds, type CustomKind } from '../../../src/policy/policy.ts'
import { sampled, sampledRuns } from '../../helpers/sampled.ts'

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
/** In two, at every border there is; of these, a sample. */
const splitsOf = (text: string): (readonly [Buffer, Buffer])[] => {
  const bytes = Buffer.from(text)
  const splits = Array.from(
    { length: bytes.length - 1 },
    (_, at) => [bytes.subarray(0, at + 1), bytes.subarray(at + 1)] as const,
  )
  return [...sampled(splits)]
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

/** A text with all values hidden that detectors find in the whole of it; each of them reads all of it. */
function hiddenIn(text: string, keepWidth: boolean): string {
  const spans = ALL.flatMap(({ kind }) => (typeof kind === 'string' ? detectors[kind] : kind).find(text))
  const hidden = [...text]
  for (const { start, end } of spans)
    for (let at = start; at < end; at++)
      if (!keepWidth) hidden[at] = at === start && spans.every((one) => at <= one.start || at >= one.end) ? '****' : ''
      else if (hidden[at] !== '\n') hidden[at] = '*'
  return hidden.join('')
}

/** The text without escape sequences, as a person reads it. */
// oxlint-disable-next-line no-control-regex
const plain = (text: string): string => text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, '')

describe('values in a stream', () => {
  it.each(CASES)('%s is hidden wherever the chunks are cut', (_, text, value) => {
    const whole = masked([text])
    expect(plain(whole)).not.toContain(plain(value))
    for (const chunks of splitsOf(text)) expect(masked(chunks)).toBe(whole)
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

  it('hides what detectors find in the whole of a text, and nothing else, however long it is and however it is cut', () => {
    const VALUES = [
      'jane.doe@example.com',
      '4111111111111111',
      '4111 1111 1111 1111',
      'TCK-123456',
      '219-09-9999',
      JWT,
      KEY,
      'DE89370400440532013000',
      '+49 30 1234567',
      '203.0.113.77',
      '2001:db8::8a2e:370:7334',
      'AKIAIOSFODNN7EXAMPLE',
    ]
    const OTHERS = [
      'words of no meaning',
      '1000000',
      '2026-11-29T06:11:11.123Z',
      'a@b',
      '4111-1111',
      '-----BEGIN',
      'eyJ',
      '::',
    ]
    const line = fc.array(fc.oneof(fc.constantFrom(...VALUES), fc.constantFrom(...OTHERS)), { maxLength: 6 })
    const filler = fc.constantFrom('', 'one two three. '.repeat(40), '12345678\n'.repeat(60), 'Straße 7, '.repeat(30))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(line, filler), { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(4000), { maxLength: 10 }),
        fc.boolean(),
        fc.boolean(),
        (lines, cuts, keepWidth, isPlain) => {
          const parts = lines.map(([words, more]) => `${more}; ${words.join(', ')};\n`).join('')
          const text = isPlain ? parts.replaceAll('ß', 'ss') : parts
          const bytes = Buffer.from(text)
          const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length]
          const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
          expect(masked(chunks, { keepWidth })).toBe(hiddenIn(text, keepWidth))
        },
      ),
      { numRuns: sampledRuns(300) },
    )
  })

  it('what looks like a value as part of something longer is left alone, wherever the chunks are cut', () => {
    const kinds = ALL.filter(({ kind }) => kind === 'payment-card' || kind === 'phone')
    for (const text of [
      'id 0a1b2c3d4111111111111111 x\n',
      'id 0f8fad5b-d9cb-469f-a165-4111111111111111 x\n',
      'oid 2.4111.1111.1111.1111 x\n',
      'item-0044 20 1234 5678 x\n',
    ])
      for (const chunks of [[text], ...splitsOf(text), byteByByte(text)]) expect(masked(chunks, { kinds })).toBe(text)
  })

  it('what has gone out is not looked at again', () => {
    let longest = 0
    const find: CustomKind['find'] = (text) => {
      longest = Math.max(longest, text.length)
      return []
    }
    const kinds: MaskedKind[] = [
      { kind: { name: 'own', pattern: 'T-[0-9]{6}', find }, style: 'redact', hashScope: 'session' },
    ]
    masked(Array<string>(100).fill('some words\n'), { kinds })
    expect(longest).toBeLessThan(2 * 'some words\n'.length)
  })

  it('a value whose beginning was sent already is hidden from there on', () => {
    const masking = new StreamMasking({ kinds: ALL, keys: KEYS, keepWidth: false })
    const first = Buffer.concat([masking.push(Buffer.from('jane')), masking.flush()]).toString()
    const rest = Buffer.concat([masking.push(Buffer.from('@example.com\n')), masking.flush()]).toString()
    expect([first, rest]).toEqual(['jane', '\n'])
  })

  it('so is one of which more was sent than it takes to tell a value from a part of something', () => {
    const own: CustomKind['find'] = (text) =>
      [...text.matchAll(/T-\d{900}/g)].map(({ index }) => ({ start: index, end: index + 902 }))
    const kinds: MaskedKind[] = [
      ...ALL,
      { kind: { name: 'own', pattern: 'T-[0-9]{900}', find: own }, style: 'redact', hashScope: 'session' },
    ]
    for (const [begun, rest] of [
      ['DE89 3704 0044 05', '32 0130 00'],
      [`T-${'1'.repeat(899)}`, '2'],
    ] as const)
      for (const set of [
        kinds,
        kinds.filter(({ kind }) => (begun.startsWith('T') ? typeof kind !== 'string' : kind === 'iban')),
      ]) {
        const masking = new StreamMasking({ kinds: set, keys: KEYS, keepWidth: false })
        masking.push(Buffer.from(begun))
        masking.flush()
        const out = Buffer.concat([masking.push(Buffer.from(`${rest}\n`)), masking.flush()])
        expect(out.toString()).toBe('\n')
      }
  })

  it('what must be the beginning of a secret is not sent because it is slow', () => {
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

  it('a private key is hidden behind the longest first line that there is, wherever the chunks are cut', () => {
    const label = `${'A'.repeat(20)} ${'B'.repeat(20)} ${'C'.repeat(20)} PRIVATE KEY-----`
    const text = `x -----BEGIN ${label}\nb3BlbnNzaC1rZXk\n-----END ${label}\n`
    for (const chunks of [[text], ...splitsOf(text), byteByByte(text)]) expect(masked(chunks)).toBe('x ****\n')
  })

  it('what follows a private key in the same chunk is another value, wherever the chunks are cut', () => {
    const text = `${KEY}, jane.doe@example.com, ${KEY}; 4111111111111111 ${JWT}\n`
    const whole = masked([text])
    expect(whole).toBe('****, ****, ****; **** ****\n')
    for (const [first, rest] of splitsOf(text)) {
      expect(masked([first, rest])).toBe(whole)
      expect(masked([KEY.slice(0, 100), KEY.slice(100) + ' ', first, rest])).toBe(`**** ${whole}`)
    }
    expect(masked(byteByByte(text))).toBe(whole)
  })

  it('a stand-in of a value', () => {
    const kinds: MaskedKind[] = [{ kind: 'email', style: 'partial', hashScope: 'session' }]
    expect(masked(['mail jane@example.com\n'], { kinds })).toBe('mail j***@***.com\n')
  })
})

/** Sequences and characters of which a terminal shows nothing; each as one piece. */
const UNSEEN: readonly string[] = [
  '\x1b(B\x1b[m', // What `tput sgr0` writes for xterm.
  '\x1b[0;31m',
  '\x1b[38;5;12m',
  '\x1b[K',
  '\x1b[?25l',
  '\x1b[!p',
  '\x1b[1 q',
  '\x1b[>c',
  '\x1b[2;3H',
  '\x1b[1C',
  '\x1b(0\x1b(B',
  '\x1b)B',
  '\x1b%G',
  '\x1b#8',
  '\x1b=',
  '\x1b>',
  '\x1b7\x1b8',
  '\x1b\\',
  '\x1b\x1b[m',
  '\x1b]8;;https://example.org/a\x1b\\',
  '\x1b]8;id=1;https://example.org/a\x07',
  '\x1b]0;a title\x07',
  '\x1b]52;c;aGVsbG8=\x07',
  '\x1bP+q544e\x1b\\',
  '\x1b_a program\x1b\\',
  '\x1b^private\x1b\\',
  '\x1bXstring\x1b\\',
  '\x1bk title\x1b\\',
  '\u009b1m',
  '\u009b1;2H',
  '\u009d8;;https://example.org/\u009c',
  '\u0090q\u009c',
  '\u0084',
  '\x1b]0;ended by C1\u009c',
  '\x0e\x0f',
  '\x00',
  '\x07',
  '\x05',
  '\x7f',
  '\x1a',
  '\x18',
  '\x1b[1\x07m',
  '\u200b',
  '\u200c',
  '\u200d',
  '\u2060',
  '\ufeff',
  '\u00ad',
  '\u034f',
  '\u0301',
  '\u202e\u202c',
  '\u2066\u2069',
  '\ufe0f',
  '\u{e0061}',
  '\u180e',
  '\u061c',
]
// oxlint-disable-next-line no-control-regex
const CARRYING = /\x1b[PX^_k]|[\u0080-\u009f]/
const SECRETS = [
  'AKIAIOSFODNN7EXAMPLE',
  'jane.doe@example.com',
  '4111111111111111',
  'TCK-123456',
  '203.0.113.77',
] as const

/** The text without all that, by other means than the code's. */
const stripped = (text: string): string =>
  text
    .replace(
      // oxlint-disable-next-line no-control-regex
      /(?:\x1b[P\]X^_k]|[\u0090\u0098\u009d-\u009f])[^\x07\x1b\u009c]*(?:\x07|\x1b\\|\u009c)|(?:\x1b\[|\u009b)[0-?\x07]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|\x1b/g,
      '',
    )
    .replace(/[\p{Cf}\p{M}\p{Default_Ignorable_Code_Point}]/gu, '')
    // oxlint-disable-next-line no-control-regex
    .replace(/[\x00-\x07\x0e-\x1f\x7f-\x9f]/g, '')

async function screenOf(bytes: string): Promise<string> {
  const terminal = new xterm.Terminal({ cols: 200, rows: 20, allowProposedApi: true, logLevel: 'off' })
  await new Promise<void>((resolve) => terminal.write(bytes, resolve))
  const { active } = terminal.buffer
  return Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? '').join(
    '\n',
  )
}

describe('what a terminal does not show', () => {
  it.each(UNSEEN.map((piece, turn) => [JSON.stringify(piece), piece, turn] as const))(
    '%s within a value hides nothing of it',
    async (_, piece, turn) => {
      for (const secret of SECRETS)
        for (const at of sampled([...secret].map((_letter, index) => index).slice(1), { turn })) {
          const text = `x ${secret.slice(0, at)}${piece}${secret.slice(at)} y\r\n`
          expect(stripped(text)).toContain(secret)
          const out = masked([text])
          expect(stripped(out), `${secret} at ${at}`).not.toContain(secret)
          // What a control string carries may be a part of a value on another terminal.
          if (!CARRYING.test(piece)) expect(out).toContain(piece)
          expect(masked(byteByByte(text))).toBe(out)
          expect(stripped(masked([text], { keepWidth: true }))).not.toContain(secret)
        }
      const [secret] = SECRETS
      const out = masked([`x ${secret.slice(0, 9)}${piece}${secret.slice(9)} y`], { keepWidth: true })
      expect(await screenOf(out)).not.toContain(secret)
    },
  )

  it('any of it, anywhere, in any chunks', async () => {
    const pieces = fc.array(fc.tuple(fc.nat(24), fc.constantFrom(...UNSEEN)), { minLength: 1, maxLength: 6 })
    const cuts = fc.array(fc.nat(300), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...SECRETS), pieces, cuts, fc.boolean(), async (secret, put, at, keepWidth) => {
        const letters = [...secret]
        for (const [index, piece] of put) letters[index % letters.length] = `${letters[index % letters.length]}${piece}`
        const bytes = Buffer.from(`x ${letters.join('')} y\r\n`)
        const places = [0, ...at.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length]
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end))
        const out = masked(chunks, { keepWidth })
        expect(stripped(out)).not.toContain(secret)
        expect(out).toBe(masked([bytes], { keepWidth }))
        expect(await screenOf(out)).not.toContain(secret)
      }),
      { numRuns: sampledRuns(300) },
    )
  })

  it('values that a sequence parts are told apart, and so are those within a sequence', () => {
    // A cursor moved between two columns: nothing stands between them in the bytes.
    for (const [text, secret] of [
      ['\x1b[1;1HAKIAIOSFODNN7EXAMPLE\x1b[1;30HX1\r\n', 'AKIAIOSFODNN7EXAMPLE'],
      ['4111111111111111\x1b[3C42\r\n', '4111111111111111'],
      ['abc\x1b]2;AKIAIOSFODNN7EXAMPLE\x07def\r\n', 'AKIAIOSFODNN7EXAMPLE'],
      ['abc\x1b_AKIAIOSFODNN7EXAMPLE\x1b\\def\r\n', 'AKIAIOSFODNN7EXAMPLE'],
      // A terminal without APC shows what it carries.
      ['AKIAIOSF\x1b_ODNN7EXAMPLE\x1b\\\r\n', 'ODNN7EXAMPLE'],
      // One that does not obey C1 controls shows the H.
      ['AKIA\u009bIOSFODNN7EXAMPLE\r\n', 'OSFODNN7EXAMPLE'],
    ] as const) {
      for (const keepWidth of [false, true]) {
        expect(masked([text], { keepWidth })).not.toContain(secret)
        expect(masked(byteByByte(text), { keepWidth })).toBe(masked([text], { keepWidth }))
      }
    }
  })

  it('a control string delays nothing behind its end', () => {
    const masking = new StreamMasking({ kinds: ALL, keys: KEYS, keepWidth: true })
    expect(masking.push(Buffer.from('\x1b]0;jane@host: ~\x07# ')).toString()).toBe('\x1b]0;jane@host: ~\x07# ')
  })

  it('a control string that does not end delays nothing', () => {
    const masking = new StreamMasking({ kinds: ALL, keys: KEYS, keepWidth: true })
    expect(masking.push(Buffer.from('\x1b]0;never ends; ')).toString()).toBe('\x1b]0;never ends; ')
    expect(masking.push(Buffer.from('x jane@example.com y; ')).toString()).toBe('x **************** y; ')
  })

  it('what is not seen within a value is not held without a bound', () => {
    const masking = new StreamMasking({ kinds: ALL, keys: KEYS, keepWidth: true })
    const joiners = Buffer.from('\u200d'.repeat(100_000))
    let held = masking.push(Buffer.from('jane')).length - 4
    for (let pieces = 0; pieces < 40; pieces++) {
      held += masking.push(joiners).length - joiners.length
      expect(-held).toBeLessThanOrEqual(MAX_HELD_BYTES)
    }
  })
})

/** What a screen shows of it, checked with xterm's parser, and what must not be there. */
const SCREENS: readonly (readonly [string, string, string])[] = [
  ['a sequence of many parameters', `AKIAIOSF\x1b[${'0;'.repeat(400)}mODNN7EXAMPLE x`, 'AKIAIOSFODNN7EXAMPLE'],
  ['a parameter of many digits', `AKIAIOSF\x1b[${'0'.repeat(900)}mODNN7EXAMPLE x`, 'AKIAIOSFODNN7EXAMPLE'],
  ['many intermediates', `AKIAIOSF\x1b${' '.repeat(900)}FODNN7EXAMPLE x`, 'AKIAIOSFODNN7EXAMPLE'],
  ['many intermediates of CSI', `AKIAIOSF\x1b[1${'!'.repeat(900)}vODNN7EXAMPLE x`, 'AKIAIOSFODNN7EXAMPLE'],
  ['letters within a sequence that is ignored', 'AKIAIOSF\x1b[1<\u00fcmODNN7EXAMPLE x', 'AKIAIOSFODNN7EXAMPLE'],
  ['a letter within a sequence', 'AKIAIOSF\x1b[1\u00fcODNN7EXAMPLE x', 'AKIAIOSFODNN7EXAMPLE'],
  ['a sequence that CAN cuts off', 'AKIAIOSF\x1b[3\x18ODNN7EXAMPLE x', 'AKIAIOSFODNN7EXAMPLE'],
  ['a sequence that SUB cuts off', 'AKIAIOSF\x1b[3\x1aODNN7EXAMPLE x', 'AKIAIOSFODNN7EXAMPLE'],
  ['a letter within a set of characters', 'AKIAIOSF\x1b(\u00fcODNN7EXAMPLE x', 'AKIAIOSFODNN7EXAMPLE'],
]
/** They leave the cursor where it is: a value that a move puts beside something else stays one. */
const STILL = '?25h|?25l|?2004h|?1;7h|4h|20l|c|>c|6n|?6n|g|3g|1 q|"q|0q|22;0t|18t|$p|?1$p|>4;1m|K|1m|J|99z|1;2w|>9y'
  .split('|')
  .concat([`?${'25;'.repeat(300)}25h`, `${'0'.repeat(300)}m`])
  .map((text) => `\x1b[${text}`)
  .concat(['\x1b7', '\x1b=', '\x1b>', '\x1b%G', '\x1b(B', '\x1b F'])
const BESIDE = STILL.flatMap((piece) => {
  const name = JSON.stringify(piece.slice(0, 20))
  return [
    [`${name} beside moves`, `1\x1b[5C4111${piece}111111111111 x`, '4111111111111111'],
    [`${name} between moves`, `9\x1b[10GAKIAIOSF${piece}ODNN7EXAMPLE\x1b[1;60H9 x`, 'AKIAIOSFODNN7EXAMPLE'],
  ] as const
})
const MORE_SCREENS: readonly (readonly [string, string, string])[] = [
  ['a mode that moves beside it', '9\x1b[?6hAKIAIOSFODNN7EXAMPLE x', 'AKIAIOSFODNN7EXAMPLE'],
  ['C1 moves beside it', '9\u009b10GAKIAIOSFODNN7EXAMPLE\u009b1;60H9 x', 'AKIAIOSFODNN7EXAMPLE'],
  ['a repeated digit', 'c 41\x1b[14b x', '4111111111111111'],
  ['one repeated after a C1 control', 'c 41\u009b14b x', '4111111111111111'],
  ['one repeated before a C1 control', 'c 41\x1b[10b\u009b0m1111 x', '4111111111111111'],
  ['one repeated in the middle', 'c 41\x1b[10b1111 x', '4111111111111111'],
  ['a repeated letter', 'to jane.do\x1b[be@example.com x', 'jane.doo'],
  ['a digit repeated without a number', 'c 411\x1b[b11\x1b[0b111111111 x', '4111111111111111'],
  ['vowels and finals of Hangul', 'AKIAIOSF\u1161\u11a8\ud7b0ODNN7EXAMPLE x', 'AKIAIOSFODNN7EXAMPLE'],
  ...['\u00a0', '\u2007', '\u202f', '\u3000', '\u2009', '\u2003'].map(
    (blank) =>
      [
        `blanks like ${JSON.stringify(blank)}`,
        `c 4111${blank}1111${blank}1111${blank}1111 x`,
        `4111${blank}1111`,
      ] as const,
  ),
  ...['\u2010', '\u2011', '\u2013', '\u2212'].map(
    (dash) => [`dashes like ${JSON.stringify(dash)}`, `ssn 219${dash}09${dash}9999 x`, `219${dash}09`] as const,
  ),
]

describe('what stands on the screen', () => {
  it.each([...SCREENS, ...BESIDE, ...MORE_SCREENS])('%s', async (_, text, value) => {
    // The letters that xterm keeps with the one before them have no column of their own.
    const bare = (screen: string): string => screen.replaceAll(/[\u1160-\u11ff\ud7b0-\ud7ff]/g, '')
    expect(bare(await screenOf(text))).toContain(value)
    for (const keepWidth of [false, true]) {
      const whole = masked([text], { keepWidth })
      expect(bare(await screenOf(whole))).not.toContain(value)
      expect(masked(byteByByte(text), { keepWidth })).toBe(whole)
    }
  })

  it('a character that is repeated as a star keeps the width; one that is not hidden is left alone', async () => {
    const out = masked(['c 41\x1b[14b x'], { keepWidth: true })
    expect(await screenOf(out)).toContain(`c ${'*'.repeat(16)} x`)
    for (const text of ['--\x1b[70b\r\n', 'c 42\x1b[14b x', '\x1b[5b'])
      expect(masked([text], { keepWidth: true })).toBe(text)
  })

  it('what moves the cursor in some modes only parts, and does not', () => {
    // Margins (DECSLRM) put the cursor at home, and so does a VT52.
    for (const piece of ['\x1b[?69h\x1b[s', '\x1b[?69h\x1b[1;40s', '\x1b[s', '\x1b[1;40s', '\x1b[!p', '\x1bH'])
      for (const keepWidth of [false, true]) {
        expect(masked([`9${piece}AKIAIOSFODNN7EXAMPLE x`], { keepWidth })).not.toContain('AKIAIOSFODNN7EXAMPLE')
        expect(masked([`AKIAIOSF${piece}ODNN7EXAMPLE x`], { keepWidth })).not.toMatch(/AKIAIOSF|ODNN7EXAMPLE/)
      }
  })

  it.each([2, 3, 5, 6, 40, 47, 69, 95, 1046, 1047, 1048, 1049])(
    'mode %i, which clears the screen, chooses another or moves the cursor, may part, and may not',
    (mode) => {
      for (const piece of [`\x1b[?${mode}h`, `\x1b[?${mode}l`, `\x1b[?25;${mode}h`, `\x1b[?${mode};25l`]) {
        expect(masked([`9${piece}AKIAIOSFODNN7EXAMPLE x`])).not.toContain('AKIAIOSFODNN7EXAMPLE')
        expect(masked([`AKIAIOSF${piece}ODNN7EXAMPLE x`])).not.toMatch(/AKIAIOSF|ODNN7EXAMPLE/)
      }
    },
  )

  /** What moves the cursor on every terminal. */
  const MOVES = [...'ABCDEFGHIZLMSTadefjkru`']
    .map((final) => `\x1b[${final}`)
    .concat([...'8DEMc'].map((final) => `\x1b${final}`))
  it.each(MOVES.map((piece) => [JSON.stringify(piece), piece] as const))(
    '%s parts what stands before it from a value in which something may move the cursor',
    (_, piece) => {
      expect(masked([`9${piece}AKIAIOSF\x1b[sODNN7EXAMPLE x`])).not.toMatch(/AKIAIOSF|ODNN7EXAMPLE/)
    },
  )

  it('a value that stands between what may move the cursor and what does is hidden', () => {
    expect(masked(['9\x1b[sAKIAIOSFODNN7EXAMPLE\x1b[5C9 x'])).not.toContain('AKIAIOSFODNN7EXAMPLE')
  })

  it('what parts on one terminal parts on those that differ from there on', () => {
    // A C1 control within the value: terminals that obey it show no more of it than those that do not know REP.
    for (const [before, value, after] of [
      ['9\x1b[s', 'AKIAIOSF\u009b0mODNN7EXAMPLE', ''],
      ['9\x1b[5C', 'AKIAIOSF\u009b0mODNN7EXAMPLE', ''],
      ['9\x1b[s\u009b0m', 'AKIAIOSF\u009b0mODNN7EXAMPLE', '\x1b[s9'],
      ['9\x1b[s\x1b[5C', 'AKIAIOSFODNN7EXAMPLE', '\x1b[5C9'],
    ] as const)
      for (const keepWidth of [false, true])
        expect(masked([`${before}${value}${after} x`], { keepWidth })).not.toMatch(/AKIAIOSF|ODNN7EXAMPLE/)
  })

  it('a VT52, or a terminal that shows controls, shows what others take for a sequence', () => {
    for (const mode of ['\x1b[?2l', '\x1b[?1;2l', '\x1b[3h', '\x1b[20;3h'])
      for (const keepWidth of [false, true]) {
        const out = masked([`${mode}x \x1b[4111111111111111 x`], { keepWidth })
        expect(out).not.toContain('4111111111111111')
        expect(masked(byteByByte(`${mode}x \x1b[4111111111111111 x`), { keepWidth })).toBe(out)
      }
    // Nothing else is taken for text by it.
    expect(masked(['\x1b[?2h\x1b[?3l\x1b[2h x \x1b[4111111111111111m x'], { keepWidth: true })).toContain(
      '4111111111111111m',
    )
  })

  it('the console of Linux ends some controls of windows at once', () => {
    for (const piece of ['\x1b]R', '\x1b]P1234567', '\x1b]X'])
      for (const keepWidth of [false, true]) {
        const text = `k AKIAIOSF${piece}ODNN7EXAMPLE x\n`
        const out = masked([text], { keepWidth })
        expect(out).not.toContain('ODNN7EXAMPLE')
        expect(out).not.toContain('AKIAIOSF')
        expect(masked(byteByByte(text), { keepWidth })).toBe(out)
      }
  })
})

describe('kinds of a rule', () => {
  const kindOf = (pattern: string): MaskedKind => {
    const expression = RE2JS.compile(pattern)
    const find: CustomKind['find'] = (text) => {
      const spans = []
      for (const matcher = expression.matcher(text); matcher.find();)
        spans.push({ start: matcher.start(), end: matcher.end() })
      return spans
    }
    return { kind: { name: 'own', pattern, find }, style: 'redact', hashScope: 'session' }
  }

  it.each([
    ['Social security number: \\d{9}', 'x Social security number: 219099999 y\n', '219099999'],
    ['password is [a-z0-9]+', 'the password is hunter2 now\n', 'hunter2'],
    ['secret \\w+ \\w+', 'a secret alpha omega b\n', 'alpha'],
    ['token:.{4}', 'token: ab c\n', 'ab c'],
    ['key\\s+\\w+', 'a key\n  hunter2 b\n', 'hunter2'],
    ['pin[^0-9]*[0-9]{4}', 'pin\n\nis\n4711.\n', '4711'],
    ['(?s)begin.*end', 'begin\nhunter2\nend\n', 'hunter2'],
    ['T-[0-9]{6}', 'see T-123456 there\n', '123456'],
    ['T\\.[0-9]{6}', 'see T.123456 there\n', '123456'],
  ])('%s, wherever the chunks part', (pattern, text, value) => {
    const kinds = [kindOf(pattern)]
    const whole = masked([text], { kinds })
    expect(whole).not.toContain(value)
    for (const chunks of [...splitsOf(text), byteByByte(text)]) expect(masked(chunks, { kinds })).toBe(whole)
  })

  it.each([
    ['key=[a-z0-9]+', 'key='],
    ['password is \\S+', 'the password is '],
  ])('%s of any length, in any chunks', (pattern, before) => {
    for (const length of [200, 700, 1500, 5000, 20_000])
      for (const size of [1, 100, 1000, 1024, 2049, 4096, 30_000]) {
        const bytes = Buffer.from(`${before}${'abcdefgh7'.repeat(length / 9)} end\n`)
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
          bytes.subarray(at * size, (at + 1) * size),
        )
        for (const keepWidth of [false, true]) {
          const out = masked(chunks, { kinds: [kindOf(pattern)], keepWidth })
          expect(out, `${length} by ${size}`).not.toContain('fgh7')
          expect(out).toMatch(/\* end\n$/)
        }
      }
  })

  it('one without blanks holds no more than a word', () => {
    const masking = new StreamMasking({ kinds: [kindOf('T\\.[0-9]{6}')], keys: KEYS, keepWidth: true })
    expect(masking.push(Buffer.from('some words T.1')).toString()).toBe('some words ')
  })
})

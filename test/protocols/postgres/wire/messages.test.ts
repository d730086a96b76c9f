import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Codec } from '../../../../src/wire/codec.ts'
import { authentication } from '../../../../src/protocols/postgres/wire/authentication.ts'
import { bind } from '../../../../src/protocols/postgres/wire/bind.ts'
import { decodeClientMessage } from '../../../../src/protocols/postgres/wire/client-message.ts'
import { close } from '../../../../src/protocols/postgres/wire/close.ts'
import { describe as describeCodec } from '../../../../src/protocols/postgres/wire/describe.ts'
import { errorResponse, noticeResponse } from '../../../../src/protocols/postgres/wire/error-response.ts'
import { execute } from '../../../../src/protocols/postgres/wire/execute.ts'
import { bodyOf } from '../../../../src/protocols/postgres/wire/framer.ts'
import { parse } from '../../../../src/protocols/postgres/wire/parse.ts'
import { passwordMessage } from '../../../../src/protocols/postgres/wire/password-message.ts'
import { query } from '../../../../src/protocols/postgres/wire/query.ts'
import { rowDescription } from '../../../../src/protocols/postgres/wire/row-description.ts'
import { saslInitialResponse } from '../../../../src/protocols/postgres/wire/sasl-response.ts'
import { parameterStatusCodec, readyForQueryCodec } from '../../../../src/protocols/postgres/wire/session-start.ts'
import { decodeMessage, encodeMessage } from '../../../../src/protocols/postgres/wire/server-message.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'

const name = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0'))
const oid = fc.nat(0xffff_ffff)
const format = fc.constantFrom(0 as const, 1 as const)
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))
const bytesOf = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array))
const subject = fc.record({ subject: fc.constantFrom('statement' as const, 'portal' as const), name })
const fields = fc
  .array(fc.tuple(fc.constantFrom('S', 'V', 'C', 'M', 'D', 'H', 'P'), name), { maxLength: 6 })
  .map((entries) => new Map(entries))

/** Every codec, with an arbitrary of its messages. */
const codecs: Record<string, { codec: Codec<never>; message: fc.Arbitrary<unknown> }> = {
  Query: entry(query, fc.record({ type: fc.constant('query' as const), sql: name })),
  Parse: entry(
    parse,
    fc.record({
      type: fc.constant('parse' as const),
      statement: name,
      sql: name,
      parameterTypes: fc.array(oid, { maxLength: 5 }),
    }),
  ),
  Bind: entry(
    bind,
    fc.array(fc.option(bytes), { maxLength: 5 }).chain((parameters) =>
      fc.record({
        type: fc.constant('bind' as const),
        portal: name,
        statement: name,
        parameterFormats: fc.oneof(
          fc.constant([]),
          format.map((one) => [one]),
          fc.constant(parameters.map(() => 1 as const)),
        ),
        parameters: fc.constant(parameters),
        resultFormats: fc.array(format, { maxLength: 4 }),
      }),
    ),
  ),
  Describe: entry(
    describeCodec,
    subject.map((rest) => ({ type: 'describe' as const, ...rest })),
  ),
  Close: entry(
    close,
    subject.map((rest) => ({ type: 'close' as const, ...rest })),
  ),
  Execute: entry(execute, fc.record({ type: fc.constant('execute' as const), portal: name, maxRows: oid })),
  PasswordMessage: entry(passwordMessage, fc.record({ type: fc.constant('password' as const), password: name })),
  Authentication: entry(
    authentication,
    fc
      .oneof(
        fc.record({ method: fc.constantFrom('ok' as const, 'cleartext-password' as const) }),
        fc.record({ method: fc.constant('md5-password' as const), salt: bytesOf(4) }),
        fc.record({
          method: fc.constant('sasl' as const),
          mechanisms: fc.array(
            name.filter((text) => text !== ''),
            { maxLength: 5 },
          ),
        }),
      )
      .map((rest) => ({ type: 'authentication' as const, ...rest })),
  ),
  SASLInitialResponse: entry(
    saslInitialResponse,
    fc.record({ type: fc.constant('sasl-initial-response' as const), mechanism: name, data: bytes }),
  ),
  ParameterStatus: entry(
    parameterStatusCodec,
    fc.record({ type: fc.constant('parameter-status' as const), name, value: name }),
  ),
  ReadyForQuery: entry(
    readyForQueryCodec,
    fc.record({
      type: fc.constant('ready-for-query' as const),
      status: fc.constantFrom('I' as const, 'T' as const, 'E' as const),
    }),
  ),
  ErrorResponse: entry(
    errorResponse,
    fields.map((map) => ({ type: 'error-response' as const, fields: map })),
  ),
  NoticeResponse: entry(
    noticeResponse,
    fields.map((map) => ({ type: 'notice-response' as const, fields: map })),
  ),
  RowDescription: entry(
    rowDescription,
    fc.record({
      type: fc.constant('row-description' as const),
      columns: fc.array(
        fc.record({
          name,
          tableOid: oid,
          attribute: fc.integer({ min: -32_768, max: 32_767 }),
          typeOid: oid,
          typeSize: fc.integer({ min: -32_768, max: 32_767 }),
          typeModifier: fc.integer(),
          format: fc.nat(1),
        }),
        { maxLength: 5 },
      ),
    }),
  ),
}

function entry<M>(codec: Codec<M>, message: fc.Arbitrary<M>) {
  return { codec: codec as Codec<never>, message }
}

describe.each(Object.entries(codecs))('%s', (label, { codec, message }) => {
  it('reads what it wrote', () => {
    fc.assert(
      fc.property(message, (original) => {
        const frame = encodeMessage(codec, original as never)
        expect(frame[0]).toBe(codec.tag)
        expect(frame.readUInt32BE(1)).toBe(frame.length - 1)
        expect(decodeMessage(codec, frame.subarray(5), label)).toEqual(original)
      }),
    )
  })

  it('cut at any byte or with any byte changed, raises only WireError', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), fc.boolean(), (original, at, value, cut) => {
        const body = Buffer.from(encodeMessage(codec, original as never).subarray(5))
        if (body.length === 0) return
        if (!cut) body[at % body.length] = value
        const input = cut ? body.subarray(0, at % body.length) : body
        try {
          decodeMessage(codec, input, label)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })

  it('rejects a byte too many', () => {
    fc.assert(
      fc.property(message, (original) => {
        const body = Buffer.concat([encodeMessage(codec, original as never).subarray(5), Buffer.from([0x41])])
        expect(() => decodeMessage(codec, body, label)).toThrow(WireError)
      }),
      { numRuns: 20 },
    )
  })
})

describe('client messages', () => {
  it('decodes the bytes that psql sends (captured)', () => {
    const frame = Buffer.from('510000000e73656c65637420313b00', 'hex')
    expect(decodeClientMessage({ tag: 0x51, bytes: frame })).toEqual({ type: 'query', sql: 'select 1;' })
  })

  const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
  // Spec: manual, Message Formats, (F): one of each, byte for byte.
  const golden: [string, string, unknown][] = [
    ['Query', '510000000e73656c65637420313b00', { type: 'query', sql: 'select 1;' }],
    [
      'Parse',
      '5000000016 7300 73656c65637420243100 0001 00000017',
      { type: 'parse', statement: 's', sql: 'select $1', parameterTypes: [23] },
    ],
    [
      'Bind',
      '420000001b 7000 7300 00010001 0002 0000000161 ffffffff 00010000',
      {
        type: 'bind',
        portal: 'p',
        statement: 's',
        parameterFormats: [1],
        parameters: [Buffer.from('a'), null],
        resultFormats: [0],
      },
    ],
    ['Describe', '440000000753 7300', { type: 'describe', subject: 'statement', name: 's' }],
    ['Execute', '450000000a 7000 00000005', { type: 'execute', portal: 'p', maxRows: 5 }],
    ['Close', '430000000750 7000', { type: 'close', subject: 'portal', name: 'p' }],
    ['Flush', '4800000004', { type: 'flush' }],
    ['Sync', '5300000004', { type: 'sync' }],
    ['Terminate', '5800000004', { type: 'terminate' }],
    ['CopyData', '6400000006 610a', { type: 'copy-data' }],
    ['CopyDone', '6300000004', { type: 'copy-done' }],
    ['CopyFail', '6600000007 6e6f00', { type: 'copy-fail' }],
    ['FunctionCall', '460000000e 00000001 0000 0000 0000', { type: 'function-call' }],
  ]

  it.each(golden)('%s, byte for byte', (_name, hex, message) => {
    const bytes = bytesOf(hex)
    expect(bytes.readUInt32BE(1)).toBe(bytes.length - 1)
    expect(decodeClientMessage({ tag: bytes[0] as number, bytes })).toEqual(message)
  })

  it.each(golden.filter(([name]) => !['CopyData', 'FunctionCall'].includes(name)))(
    '%s cut anywhere, or with a byte too many, raises only WireError',
    (_name, hex) => {
      const bytes = bytesOf(hex)
      for (let cut = 5; cut < bytes.length; cut++)
        expect(() => decodeClientMessage({ tag: bytes[0] as number, bytes: bytes.subarray(0, cut) })).toThrow(WireError)
      expect(() =>
        decodeClientMessage({ tag: bytes[0] as number, bytes: Buffer.concat([bytes, Buffer.from([0])]) }),
      ).toThrow(WireError)
    },
  )

  it('refuses tags that the protocol does not have, and those of the server', () => {
    for (const tag of [0x00, 0x5a, 0x4b, 0xff, 0x71]) {
      expect(() => decodeClientMessage({ tag, bytes: Buffer.from([tag, 0, 0, 0, 4]) })).toThrow(WireError)
    }
  })

  it('any bytes under any tag: a message or a WireError', () => {
    fc.assert(
      fc.property(fc.nat(255), bytes, (tag, body) => {
        const header = Buffer.from([tag, 0, 0, 0, 4 + body.length])
        try {
          decodeClientMessage({ tag, bytes: Buffer.concat([header, body]) })
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })

  it('text that is not UTF-8 is refused, since the server would read it otherwise', () => {
    const frame = { tag: 0x51, bytes: Buffer.from([0x51, 0, 0, 0, 7, 0xc3, 0x28, 0]) }
    expect(() => decodeClientMessage(frame)).toThrow(/UTF-8/)
    expect(bodyOf(frame).length).toBe(3)
  })

  it('text after a zero byte is refused, since only the server would read it', () => {
    const frame = { tag: 0x51, bytes: Buffer.from('510000000a73656c000a6100', 'hex') }
    expect(() => decodeClientMessage(frame)).toThrow(/too many/)
  })
})

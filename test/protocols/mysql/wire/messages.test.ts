import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader } from '../../../../src/wire/byte-reader.ts'
import { ByteWriter } from '../../../../src/wire/byte-writer.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'
import { encodeAuthMoreData, readAuthMoreData } from '../../../../src/protocols/mysql/wire/auth-more-data.ts'
import { encodeAuthSwitch, readAuthSwitch } from '../../../../src/protocols/mysql/wire/auth-switch.ts'
import { capabilities } from '../../../../src/protocols/mysql/wire/capabilities.ts'
import { readChangeUser } from '../../../../src/protocols/mysql/wire/change-user.ts'
import { charsetOfCollation, decodeStatement, decodeText } from '../../../../src/protocols/mysql/wire/charsets.ts'
import { readColumnDefinition } from '../../../../src/protocols/mysql/wire/column-definition.ts'
import { documentedName } from '../../../../src/protocols/mysql/wire/command.ts'
import { isEof, readEof } from '../../../../src/protocols/mysql/wire/eof.ts'
import { encodeErr, readErr } from '../../../../src/protocols/mysql/wire/err.ts'
import { encodeHandshake, readHandshake } from '../../../../src/protocols/mysql/wire/handshake.ts'
import {
  encodeHandshakeResponse,
  readHandshakeResponse,
} from '../../../../src/protocols/mysql/wire/handshake-response.ts'
import { readLocalInfile } from '../../../../src/protocols/mysql/wire/local-infile.ts'
import { encodeOk, readOk } from '../../../../src/protocols/mysql/wire/ok.ts'
import { parseServerVersion } from '../../../../src/protocols/mysql/wire/server-version.ts'
import {
  readFetch,
  readFieldList,
  readSendLongData,
  readSetOption,
  readStatementId,
} from '../../../../src/protocols/mysql/wire/statement-commands.ts'
import { readStmtExecute } from '../../../../src/protocols/mysql/wire/stmt-execute.ts'
import { readStmtPrepareOk } from '../../../../src/protocols/mysql/wire/stmt-prepare-ok.ts'
import { readTextRow } from '../../../../src/protocols/mysql/wire/text-row.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'

const { protocol41, secureConnection, pluginAuth, pluginAuthLengthEncoded } = capabilities
const { connectWithDatabase, connectAttributes, sessionTrack, ssl } = capabilities

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const column = (payload: Buffer) => readColumnDefinition(new ByteReader(payload, 'column definition'), 'utf8mb4')
const execute = (payload: Buffer) => readStmtExecute(payload, 2, 'utf8mb4', [], new Set())

/** Payloads as MariaDB 10.11 and its client sent them, or as the documentation shows them, and what they say. */
const golden: readonly {
  readonly name: string
  readonly payload: Buffer
  readonly read: (payload: Buffer) => unknown
  readonly says: unknown
}[] = [
  {
    name: 'greeting',
    payload: hex(
      '0a352e352e352d31302e31312e31392d4d6172696144422d302b6465623132753100060000007d71423375787a7b00fef7080200ff81150000000000001d000000797044425d30752241624928006d7973716c5f6e61746976655f70617373776f726400',
    ),
    read: readHandshake,
    says: {
      version: '5.5.5-10.11.19-MariaDB-0+deb12u1',
      threadId: 6,
      scramble: Buffer.from('}qB3uxz{ypDB]0u"AbI('),
      capabilities: 0x81ff_f7fe,
      collation: 8,
      status: 2,
      plugin: 'mysql_native_password',
    },
  },
  {
    name: 'handshake response',
    payload: hex(
      `8da6 0f00 00000001 21 ${'00'.repeat(23)} 70616d00 14 ${'ab'.repeat(20)} 74657374 00 6d7973716c5f6e61746976655f70617373776f726400`,
    ),
    read: readHandshakeResponse,
    says: {
      type: 'response',
      capabilities: 0x000f_a68d,
      maxPacket: 16_777_216,
      collation: 33,
      user: Buffer.from('pam'),
      authentication: Buffer.alloc(20, 0xab),
      database: Buffer.from('test'),
      plugin: 'mysql_native_password',
      attributes: undefined,
    },
  },
  {
    name: 'request for TLS',
    payload: hex(`05ae0300 00000001 08 ${'00'.repeat(23)}`),
    read: readHandshakeResponse,
    says: { type: 'tls-request', capabilities: 0x0003_ae05, maxPacket: 16_777_216, collation: 8 },
  },
  {
    name: 'COM_CHANGE_USER',
    payload: hex('11 70616d00 02 abcd 00 2100 6d7973716c5f6e61746976655f70617373776f726400'),
    read: (payload) => readChangeUser(payload, protocol41 | secureConnection | pluginAuth),
    says: {
      user: Buffer.from('pam'),
      authentication: hex('abcd'),
      database: Buffer.alloc(0),
      collation: 33,
      plugin: 'mysql_native_password',
      attributes: undefined,
    },
  },
  {
    name: 'AuthSwitchRequest',
    payload: Buffer.from('\xfecaching_sha2_password\x00scramble\x00', 'latin1'),
    read: readAuthSwitch,
    says: { plugin: 'caching_sha2_password', data: Buffer.from('scramble\0') },
  },
  { name: 'AuthMoreData', payload: hex('0104'), read: readAuthMoreData, says: hex('04') },
  {
    name: 'OK with what has changed',
    payload: hex('00000002400000000c000a0873716c5f6d6f646500'),
    read: (payload) => readOk(payload, sessionTrack),
    says: {
      affectedRows: 0n,
      lastInsertId: 0n,
      status: 0x4002,
      warnings: 0,
      info: Buffer.alloc(0),
      changes: [{ type: 'variable', name: Buffer.from('sql_mode'), value: Buffer.alloc(0) }],
    },
  },
  {
    name: 'OK with another database',
    payload: hex('0000000240000000080106056d7973716c'),
    read: (payload) => readOk(payload, sessionTrack).changes,
    says: [{ type: 'database', name: Buffer.from('mysql') }],
  },
  {
    name: 'OK of a client that tracks nothing',
    payload: hex('00 fc2c01 feffffffffffffffff 0200 0100 526f777320'),
    read: (payload) => readOk(payload, 0),
    says: {
      affectedRows: 300n,
      lastInsertId: 0xffff_ffff_ffff_ffffn,
      status: 2,
      warnings: 1,
      info: Buffer.from('Rows '),
      changes: [],
    },
  },
  {
    name: 'ERR',
    payload: hex('ff2804233432303030796f75'),
    read: readErr,
    says: { code: 1064, sqlstate: '42000', message: Buffer.from('you') },
  },
  {
    name: 'ERR before the login',
    payload: Buffer.concat([hex('ff1004'), Buffer.from('Too many connections')]),
    read: readErr,
    says: { code: 1040, sqlstate: 'HY000', message: Buffer.from('Too many connections') },
  },
  { name: 'EOF', payload: hex('fe00000a00'), read: readEof, says: { warnings: 0, status: 10 } },
  {
    name: 'column definition',
    payload: hex('036465660000000163000c080001000000fd0100270000'),
    read: column,
    says: {
      schema: '',
      table: '',
      originalTable: '',
      name: 'c',
      originalName: '',
      collation: 8,
      length: 1,
      type: 0xfd,
      flags: 1,
      decimals: 39,
    },
  },
  {
    name: 'COM_STMT_PREPARE_OK',
    payload: hex('000100000002000200000000'),
    read: readStmtPrepareOk,
    says: { id: 1, columns: 2, parameters: 2 },
  },
  {
    name: 'COM_STMT_EXECUTE',
    payload: hex('17 01000000 01 01000000 00 01 0300 fd00 fbffffff 026869'),
    read: execute,
    says: {
      id: 1,
      opensCursor: true,
      parameters: ['-5', 'hi'],
      types: [
        { type: 3, isUnsigned: false },
        { type: 0xfd, isUnsigned: false },
      ],
    },
  },
  {
    name: 'COM_STMT_SEND_LONG_DATA',
    payload: hex('18 01000000 0200 6869'),
    read: readSendLongData,
    says: { id: 1, parameter: 2, data: Buffer.from('hi') },
  },
  { name: 'COM_STMT_FETCH', payload: hex('1c 01000000 0a000000'), read: readFetch, says: { id: 1, rows: 10 } },
  { name: 'COM_STMT_CLOSE', payload: hex('19 07000000'), read: (payload) => readStatementId(payload, 'x'), says: 7 },
  { name: 'COM_SET_OPTION', payload: hex('1b 0100'), read: readSetOption, says: 'multi-statements-off' },
  {
    name: 'COM_FIELD_LIST',
    payload: Buffer.from('\x04user\0%'),
    read: readFieldList,
    says: { table: Buffer.from('user'), pattern: Buffer.from('%') },
  },
  { name: 'LOCAL INFILE request', payload: hex('fb2f746d70'), read: readLocalInfile, says: Buffer.from('/tmp') },
  {
    name: 'row in text form',
    payload: hex('0131fb0178'),
    read: (payload) => readTextRow(payload, 3),
    says: [Buffer.from('1'), null, Buffer.from('x')],
  },
]

describe.each(golden)('$name', ({ payload, read, says }) => {
  it('is read', () => {
    expect(read(payload)).toEqual(says)
  })

  it('cut anywhere or mutated it is read, or refused as what it is', () => {
    const attempt = (bytes: Buffer): void => {
      try {
        read(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
      }
    }
    for (let end = 0; end <= payload.length; end++) attempt(payload.subarray(0, end))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(payload.length), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.uint8Array({ maxLength: 4 }),
        (changes, more) => {
          const bytes = Buffer.concat([payload, more])
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
          attempt(bytes)
        },
      ),
      { numRuns: sampledRuns(300) },
    )
  })
})

it.each<[string, Buffer, Buffer]>([
  [
    'greeting',
    encodeHandshake({
      version: '5.5.5-10.11.19-MariaDB-0+deb12u1',
      threadId: 6,
      scramble: Buffer.from('}qB3uxz{ypDB]0u"AbI('),
      capabilities: 0x81ff_f7fe,
      collation: 8,
      status: 2,
      plugin: 'mysql_native_password',
    }),
    // Without MariaDB's own capabilities, in the reserved bytes.
    hex(
      '0a352e352e352d31302e31312e31392d4d6172696144422d302b6465623132753100060000007d71423375787a7b00fef7080200ff811500000000000000000000797044425d30752241624928006d7973716c5f6e61746976655f70617373776f726400',
    ),
  ],
  ['AuthSwitchRequest', encodeAuthSwitch({ plugin: 'a', data: hex('01') }), hex('fe 6100 01')],
  ['AuthMoreData', encodeAuthMoreData(hex('03')), hex('0103')],
  ['OK', encodeOk({ status: 0x4002 }), hex('00000002000000')],
  ['ERR', encodeErr({ code: 1064, sqlstate: '42000', message: Buffer.from('you') }), hex('ff2804233432303030796f75')],
])('%s is written', (_, written, expected) => {
  expect(written.toString('hex')).toBe(expected.toString('hex'))
})

it('a handshake response is written as it is read, with whatever capabilities', () => {
  const text = fc.string({ maxLength: 12 }).filter((one) => !one.includes('\0'))
  const bytes = text.map((one) => Buffer.from(one))
  const flag = (bit: number) => fc.constantFrom(0, bit)
  fc.assert(
    fc.property(
      fc.tuple(
        flag(secureConnection),
        flag(pluginAuth),
        flag(pluginAuthLengthEncoded),
        flag(connectWithDatabase),
        flag(connectAttributes),
        flag(ssl),
      ),
      fc.record({ user: bytes, authentication: bytes, database: bytes, plugin: text }),
      fc.array(fc.tuple(bytes, bytes), { maxLength: 3 }),
      (flags, fields, attributes) => {
        const all = flags.reduce((sum, one) => sum | one, protocol41)
        const message = {
          type: 'response' as const,
          capabilities: all,
          maxPacket: 1,
          collation: 45,
          user: fields.user,
          authentication: fields.authentication,
          database: (all & connectWithDatabase) === 0 ? undefined : fields.database,
          plugin: (all & pluginAuth) === 0 ? undefined : fields.plugin,
          attributes: (all & connectAttributes) === 0 ? undefined : attributes,
        }
        expect(readHandshakeResponse(encodeHandshakeResponse(message))).toEqual(message)
      },
    ),
  )
})

it('length-encoded integers are read as they are written', () => {
  const edges = [0, 0xfa, 0xfb, 0xff, 0xffff, 0x1_00_00, 0xff_ff_ff, 0x1_00_00_00, Number.MAX_SAFE_INTEGER]
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat()), (value) => {
      const out = new ByteWriter()
      out.lengthEncoded(value)
      const bytes = out.finish()
      expect(new ByteReader(bytes, 'x').lengthEncoded()).toBe(value)
      expect(new ByteReader(bytes, 'x').lengthEncodedBig()).toBe(BigInt(value))
    }),
  )
  for (const wrong of ['fb', 'ff', 'fc01', 'fd0101', 'fe01', 'feffffffffffffffff'])
    expect(() => new ByteReader(hex(wrong), 'x').lengthEncoded()).toThrow(WireError)
})

describe('parameters of a prepared statement', () => {
  const run = (types: string, values: string, count = types.length / 4, nulls = '00'): unknown =>
    readStmtExecute(hex(`17 01000000 00 01000000 ${nulls} 01 ${types} ${values}`), count, 'latin1', [], new Set())
      .parameters

  it.each<[string, string, string | null]>([
    ['0100', 'ff', '-1'],
    ['0180', 'ff', '255'],
    ['0200', 'feff', '-2'],
    ['0280', 'feff', '65534'],
    ['0d80', 'd007', '2000'],
    ['0300', 'ffffffff', '-1'],
    ['0380', 'ffffffff', '4294967295'],
    ['0900', 'ffffffff', '-1'],
    ['0800', 'ffffffffffffffff', '-1'],
    ['0880', 'ffffffffffffffff', '18446744073709551615'],
    ['0400', '0000c03f', '1.5'],
    ['0500', '000000000000f83f', '1.5'],
    ['0a00', '04 ea07 0b 1d', '2026-11-29'],
    ['0c00', '00', '0000-00-00'],
    ['0c00', '07 ea07 0b 1d 01 02 03', '2026-11-29 01:02:03'],
    ['0700', '0b ea07 0b 1d 01 02 03 01000000', '2026-11-29 01:02:03.000001'],
    ['0b00', '00', '00:00:00'],
    ['0b00', '08 01 01000000 02 03 04', '-26:03:04'],
    ['0b00', '0c 00 00000000 02 03 04 07000000', '02:03:04.000007'],
    ['fd00', '01 e9', 'é'],
    ['fc00', 'fc0200 6162', 'ab'],
    ['0600', '', null],
  ])('%s %s', (type, value, text) => {
    expect(run(type, value)).toEqual([text])
  })

  it('NULL and long data have no bytes', () => {
    const payload = hex('17 01000000 00 01000000 02 01 0100 0100 fd00 05')
    expect(readStmtExecute(payload, 3, 'utf8mb4', [], new Set([2])).parameters).toEqual(['5', null, undefined])
  })

  it('types are those that were sent before where none are', () => {
    const known = [{ type: 1, isUnsigned: true }]
    const payload = hex('17 01000000 00 01000000 00 00 ff')
    expect(readStmtExecute(payload, 1, 'utf8mb4', known, new Set()).parameters).toEqual(['255'])
    expect(() => readStmtExecute(payload, 1, 'utf8mb4', [], new Set())).toThrow('the types of its parameters')
  })

  it.each([
    ['query attributes', '17 01000000 08 01000000 00 01 0100 05', 'flags 8'],
    ['several iterations', '17 01000000 00 02000000 00 01 0100 05', '2 iterations'],
    ['an unknown type', '17 01000000 00 01000000 00 01 5000 05', 'unknown type 80'],
    ['an unknown flag of a type', '17 01000000 00 01000000 00 01 0101 05', 'unknown flags'],
    ['a date of another length', '17 01000000 00 01000000 00 01 0a00 05 0000000000', 'a date of 5 bytes'],
    ['too many bytes', '17 01000000 00 01000000 00 01 0100 0506', 'bytes too many'],
  ])('refuses %s', (_, payload, message) => {
    expect(() => readStmtExecute(hex(payload), 1, 'utf8mb4', [], new Set())).toThrow(message)
  })
})

it.each([
  ['5.5.5-10.11.19-MariaDB-0+deb12u1', { flavor: 'mariadb', number: 101_119 }],
  ['11.4.5-MariaDB', { flavor: 'mariadb', number: 110_405 }],
  ['8.0.36', { flavor: 'mysql', number: 80_036 }],
  ['8.4.3-cluster', { flavor: 'mysql', number: 80_403 }],
  ['26.10.0', { flavor: 'mysql', number: 261_000 }],
  ['5.5.5-not-a-version-MariaDB', undefined],
  ['8.0', undefined],
  ['8.0.1.2', undefined],
  ['', undefined],
])('version %s', (text, version) => {
  expect(parseServerVersion(text)).toEqual(version && { ...version, text })
})

it('a text that is none in its character set is not decoded', () => {
  expect(decodeText(hex('e9'), 'latin1')).toBe('é')
  expect(decodeText(hex('e9'), 'utf8mb4')).toBeUndefined()
  expect(decodeText(hex('e9'), 'ascii')).toBeUndefined()
  expect(decodeText(hex('c3a9'), 'utf8mb3')).toBe('é')
  expect(decodeText(hex('c3a9'), 'binary')).toBe('Ã©')
  // Surrogates that are encoded one by one are not UTF-8.
  expect(decodeText(hex('eda080'), 'utf8mb4')).toBeUndefined()
})

it.each([
  ['27ff27', "'\udcff'"],
  ['e228a1', '\udce2(\udca1'],
  ['c080', '\udcc0\udc80'],
  ['eda080', '\udced\udca0\udc80'],
  ['f09f9880ff', '😀\udcff'],
  ['f09f98', '\udcf0\udc9f\udc98'],
  ['f8808080', '\udcf8\udc80\udc80\udc80'],
  ['f4908080', '\udcf4\udc90\udc80\udc80'],
  ['c3a9e282ac', 'é€'],
])('a statement of the bytes %s keeps each that is no character', (bytes, text) => {
  expect(decodeStatement(hex(bytes), 'utf8mb4')).toBe(text)
})

it('a statement of any bytes is read as UTF-8 is, ASCII always as itself', () => {
  const lenient = new TextDecoder('utf-8', { ignoreBOM: true })
  let seed = 7
  const next = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) >> 16
  for (let round = 0; round < 3000; round++) {
    const bytes = Uint8Array.from(
      { length: 8 },
      () => [next() & 0x7f, next() & 0xff, 0xe2, 0x80, 0x9f, 0xf0][next() % 6]!,
    )
    const text = decodeStatement(bytes, 'utf8mb4') ?? ''
    const ascii = (from: string): string => from.replaceAll(/[^\0-\x7f]+/g, '·')
    expect(ascii(text)).toBe(ascii(lenient.decode(bytes)))
    // Put back, they are what came.
    const back = [...text].flatMap((one) =>
      !/\p{Surrogate}/u.test(one) ? [...Buffer.from(one)] : [one.charCodeAt(0) - 0xdc00],
    )
    expect(back).toEqual([...bytes])
  }
})

it('character sets in which a quote may be half of a character are not served', () => {
  // gbk, big5, sjis, cp932, euckr, gb2312, gb18030, ucs2, utf16, utf32
  for (const id of [28, 1, 13, 95, 19, 24, 248, 35, 54, 60, 2600, 2900, 3100, 0, 254, 65_535])
    expect(charsetOfCollation(id)).toBeUndefined()
  expect([8, 11, 33, 45, 63, 255, 2304].map(charsetOfCollation)).toEqual([
    'latin1',
    'ascii',
    'utf8mb3',
    'utf8mb4',
    'binary',
    'utf8mb4',
    'utf8mb4',
  ])
})

it('commands are called what the documentation calls them', () => {
  expect(documentedName(0x17)).toBe('COM_STMT_EXECUTE')
  expect(documentedName(0x77)).toBe('command 119')
  expect(isEof(0xfe, 5)).toBe(true)
  expect(isEof(0xfe, 9)).toBe(false)
})

it('an OK that says of more changes than a session has is refused: each would be kept', () => {
  const changesOf = (count: number, change: string): Buffer => {
    const out = new ByteWriter()
    out.bytes(hex('00 00 00 0240 0000 00'))
    out.lengthEncodedBytes(Buffer.from(change.repeat(count), 'hex'))
    return out.finish()
  }
  expect(readOk(changesOf(3, '0500'), sessionTrack).changes).toHaveLength(3)
  expect(() => readOk(changesOf(20_000, '0500'), sessionTrack)).toThrow(WireError)
  expect(() => readOk(changesOf(20_000, '00020000'), sessionTrack)).toThrow(WireError)
  // Several variables in one.
  const many = new ByteWriter()
  many.uint8(0)
  many.lengthEncodedBytes(Buffer.alloc(40_000))
  expect(() => readOk(changesOf(1, many.finish().toString('hex')), sessionTrack)).toThrow(WireError)
})

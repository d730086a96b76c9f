import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MaskedColumns, MaskedKind } from '../../../../../src/masking/plan.ts'
import { rowMasking, type Masker } from '../../../../../src/protocols/mysql/gateway/results/row-masking.ts'
import type { RowForm } from '../../../../../src/protocols/mysql/gateway/results/hidden-values.ts'
import {
  columnFlags,
  columnTypes as types,
  type ColumnDefinition,
} from '../../../../../src/protocols/mysql/wire/column-definition.ts'
import { decodeValue, valueCharset } from '../../../../../src/protocols/mysql/wire/value-charsets.ts'
import { madeOf, PLAIN, repeated, valueOf, type Origin, type Output } from '../../../../../src/sql/lineage/origin.ts'
import { sampledRuns } from '../../../../helpers/sampled.ts'

const KEYS = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }
const masked = (column: string, over: Partial<MaskedColumns> = {}): MaskedColumns => ({
  schema: 'shop',
  table: 'customer',
  column,
  style: 'partial',
  sideChannels: 'deny',
  maxComparisons: 0,
  copying: false,
  hashScope: 'session',
  ...over,
})
const EMAIL = masked('email')

function masker(columns: readonly MaskedColumns[], kinds: readonly MaskedKind[] = []): Masker {
  const anything = madeOf(columns.map((column) => valueOf({ ...column, name: 'any' })))
  return {
    scope: { plan: { columns, kinds }, anything, sources: { relation: () => [repeated(anything)] } as never },
    keys: KEYS,
  }
}

const column = (over: Partial<ColumnDefinition> = {}): ColumnDefinition => ({
  schema: 'shop',
  table: 'c',
  originalTable: 'customer',
  name: 'x',
  originalName: 'x',
  collation: 45,
  length: 100,
  type: types.varString,
  flags: 0,
  decimals: 0,
  ...over,
})

type Value = Buffer | null
const lengthEncoded = (bytes: Buffer): Buffer => {
  if (bytes.length < 251) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const head = Buffer.alloc(bytes.length < 65536 ? 3 : 4)
  head[0] = bytes.length < 65536 ? 0xfc : 0xfd
  head.writeUIntLE(bytes.length, 1, head.length - 1)
  return Buffer.concat([head, bytes])
}
const textRow = (values: readonly Value[]): Buffer =>
  Buffer.concat(values.map((value) => (value === null ? Buffer.of(0xfb) : lengthEncoded(value))))

const FIXED_SIZES: Readonly<Record<number, number>> = { 1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 8: 8, 9: 4, 13: 2 }
const binaryRow = (columns: readonly ColumnDefinition[], values: readonly Value[]): Buffer => {
  const bitmap = Buffer.alloc((columns.length + 9) >> 3)
  for (const [index, value] of values.entries())
    if (value === null) bitmap[(index + 2) >> 3] = (bitmap[(index + 2) >> 3] as number) | (1 << ((index + 2) & 7))
  const parts = values.map((value, index) => {
    const { type } = columns[index] as ColumnDefinition
    if (value === null) return Buffer.alloc(0)
    return type in FIXED_SIZES ? value : lengthEncoded(value)
  })
  return Buffer.concat([Buffer.of(0), bitmap, ...parts])
}

const output = (origin: Origin, name = 'x'): Output => ({ name, origin })
const direct = (style: MaskedColumns['style'] = 'partial', of = 'email'): Origin =>
  valueOf({ ...masked(of, { style }), name: `shop.customer.${of}` })
const email = column({ originalName: 'email' })

/** What the client gets of one value, in both forms. */
function shown(
  of: ColumnDefinition,
  value: Value,
  origin: Origin | undefined,
  of_: Masker = masker([EMAIL]),
  binary: Value = value,
): readonly [text: string | null, binary: string | null] {
  const one = (form: RowForm): string | null => {
    const mask = rowMasking([of], form, origin && [output(origin)], of_)
    const row = form === 'text' ? textRow([value]) : binaryRow([of], [binary])
    const out = mask === 'untouched' ? row : mask(row)
    if (form === 'text') return out[0] === 0xfb ? null : out.toString('latin1', 1)
    return out.length === 2 && (out[1] as number) === 4 ? null : out.toString('latin1', of.type in FIXED_SIZES ? 2 : 3)
  }
  return [one('text'), one('binary')]
}
const twice = (text: string | null): readonly [string | null, string | null] => [text, text]
const ANN = Buffer.from('ann.lee@example.com')

describe('values of masked columns', () => {
  it.each<[string, MaskedColumns['style'], string | null]>([
    ['in part', 'partial', 'a***@***.com'],
    ['as asterisks', 'redact', '****'],
    ['by their end', 'keep-last-4', '****.com'],
    ['as NULL', 'null', null],
  ])('are shown %s where the server says that it is the very column', (_how, style, text) => {
    expect(shown(email, ANN, direct(style))).toEqual(twice(text))
    expect(shown(email, null, direct(style))).toEqual(twice(null))
  })

  it('have the same stand-in in every character set', () => {
    const stand = shown(email, ANN, direct('hash'))[0]
    expect(stand).toMatch(/^h_[\w-]{16}$/)
    for (const collation of [8, 33, 45, 255, 28, 35, 54, 56, 60]) {
      const charset = valueCharset(collation)
      const encode = (text: string): Buffer => decodeValue(Buffer.alloc(0), charset as 'utf8')?.encode(text) as Buffer
      const [text] = shown(column({ originalName: 'email', collation }), encode(ANN.toString()), direct('hash'))
      expect(Buffer.from(text as string, 'latin1')).toEqual(encode(stand as string))
    }
    const [accented] = shown(email, Buffer.from('Zoë'), direct('hash'))
    expect(
      shown(column({ originalName: 'email', collation: 8 }), Buffer.from('Zoë', 'latin1'), direct('hash'))[0],
    ).toBe(accented)
  })

  it('are shown in the character set of their column', () => {
    expect(
      shown(column({ originalName: 'email', collation: 8 }), Buffer.from('Éric Blanc', 'latin1'), direct()),
    ).toEqual(twice('É***'))
    expect(
      shown(column({ originalName: 'email', collation: 54 }), Buffer.from('\0A\0n\0n\0 \0L', 'latin1'), direct()),
    ).toEqual(twice('\0A\0*\0*\0*'))
    // Not in the character set of its column, or in one that is not known: nothing of it.
    expect(shown(column({ originalName: 'email', collation: 54 }), Buffer.from('odd'), direct())).toEqual(
      twice('\0*\0*\0*\0*'),
    )
    expect(shown(email, Buffer.from([0xff, 0xfe, 0x41]), direct())).toEqual(twice('****'))
    for (const collation of [10, 63, 5000])
      expect(shown(column({ originalName: 'email', collation }), ANN, direct())).toEqual(twice(null))
  })

  it.each<[string, Partial<ColumnDefinition>, Buffer, Buffer?]>([
    ['a number', { type: types.long }, Buffer.from('4711'), Buffer.from([1, 2, 3, 4])],
    ['a large number', { type: types.longlong }, Buffer.from('4711'), Buffer.alloc(8, 1)],
    ['a decimal', { type: types.newdecimal, collation: 63 }, Buffer.from('47.11')],
    ['a float', { type: types.float }, Buffer.from('47.11'), Buffer.alloc(4, 1)],
    ['a double', { type: types.double }, Buffer.from('47.11'), Buffer.alloc(8, 1)],
    ['a year', { type: types.year }, Buffer.from('1999'), Buffer.from([0xcf, 7])],
    ['a date', { type: types.date }, Buffer.from('1999-01-02'), Buffer.from([0xcf, 7, 1, 2])],
    ['a time', { type: types.time }, Buffer.from('10:11:12'), Buffer.from([0, 1, 0, 0, 0, 10, 11, 12])],
    ['bits', { type: types.bit }, Buffer.from([1])],
    ['bytes', { type: types.blob, collation: 63 }, Buffer.from('secret')],
    ['a shape', { type: types.geometry, collation: 63 }, Buffer.from('secret')],
    ['one of a list', { type: types.string, flags: columnFlags.enum }, Buffer.from('secret')],
    ['some of a list', { type: types.string, flags: columnFlags.set }, Buffer.from('secret')],
    ['a vector', { type: types.vector, collation: 63 }, Buffer.from('secret')],
  ])('that are %s become NULL', (_what, over, text, binary = text) => {
    const of = column({ originalName: 'email', ...over })
    for (const style of ['partial', 'redact', 'hash', 'keep-last-4', 'null'] as const)
      expect(shown(of, text, direct(style), undefined, binary)).toEqual(twice(null))
    expect(shown(of, null, madeOf([direct()]))).toEqual(twice(null))
  })

  it('that are JSON stay JSON', () => {
    const json = column({ originalName: 'email', type: types.json, collation: 63 })
    expect(shown(json, Buffer.from('{"a": "b"}'), direct('redact'))).toEqual(twice('"****"'))
    expect(shown(json, Buffer.from('{"a": "b"}'), madeOf([direct('redact')]))).toEqual(twice(null))
  })

  it('of which something was made look the same whatever they are, NULL included', () => {
    for (const value of [ANN, Buffer.alloc(0), null]) {
      expect(shown(email, value, madeOf([direct()]))).toEqual(twice('****'))
      expect(shown(email, value, undefined)).toEqual(twice('****'))
      expect(shown(column({ originalName: '' }), value, direct())).toEqual(twice('****'))
    }
  })

  it('that nobody has read in the text are hidden where the server names their column', () => {
    expect(shown(email, ANN, PLAIN)).toEqual(twice('****'))
    expect(shown(column({ originalName: 'Email', originalTable: 'CUSTOMER', schema: 'Shop' }), ANN, PLAIN)).toEqual(
      twice('****'),
    )
    expect(shown(email, ANN, direct('partial', 'iban'))).toEqual(twice('****'))
    expect(shown(column({ originalName: 'note' }), ANN, PLAIN)).toEqual(twice(ANN.toString()))
    const every = masker([masked('*', { schema: '*', table: 'customer' })])
    expect(shown(column({ originalName: 'note' }), ANN, PLAIN, every)).toEqual(twice('****'))
  })

  it('are told by what the catalogs say of a view that the server names', () => {
    const base = masker([EMAIL])
    const views: Masker = {
      ...base,
      scope: {
        ...base.scope,
        sources: {
          relation: ({ name }: { name: string }) =>
            name === 'v' ? [output(direct(), 'address'), output(PLAIN, 'id')] : [repeated(base.scope.anything)],
        } as never,
      },
    }
    const address = column({ originalTable: 'v', originalName: 'address' })
    expect(shown(address, ANN, PLAIN, views)).toEqual(twice('****'))
    expect(shown(address, ANN, direct(), views)).toEqual(twice('a***@***.com'))
    expect(shown(column({ originalTable: 'v', originalName: 'id' }), ANN, PLAIN, views)).toEqual(twice(ANN.toString()))
    expect(shown(column({ originalTable: 'other', originalName: 'id' }), ANN, PLAIN, views)).toEqual(
      twice(ANN.toString()),
    )
  })

  it('that are more or fewer than was read are all hidden', () => {
    const mask = rowMasking([column(), column()], 'text', [output(PLAIN)], masker([EMAIL]))
    if (mask === 'untouched') throw new Error(mask)
    expect(mask(textRow([ANN, Buffer.from('x')]))).toEqual(textRow([Buffer.from('****'), Buffer.from('****')]))
  })

  it.each<[string, RowForm, Buffer]>([
    ['a row that ends early', 'text', Buffer.from([5, 1])],
    ['a row with a length without end', 'text', Buffer.from([0xfc, 1])],
    ['a row with a length that is none', 'text', Buffer.from([0xff, 1])],
    ['a row with more values', 'text', Buffer.from([1, 0x41, 1, 0x41])],
    ['an empty row', 'text', Buffer.alloc(0)],
    ['a binary row that ends early', 'binary', Buffer.from([0, 0, 5, 1])],
    ['a binary row without its bitmap', 'binary', Buffer.from([0])],
    ['a binary row with more values', 'binary', Buffer.from([0, 0, 1, 0x41, 1])],
    ['a binary row with another beginning', 'binary', Buffer.from([1, 0, 1, 0x41])],
  ])('in %s do not pass', (_what, form, row) => {
    const mask = rowMasking([email], form, [output(direct())], masker([EMAIL]))
    expect(() => mask !== 'untouched' && mask(row)).toThrow(/row: /)
  })

  it('of a type that is not known do not pass in binary', () => {
    const mask = rowMasking(
      [column({ type: 0x20 }), email],
      'binary',
      [output(PLAIN), output(direct())],
      masker([EMAIL]),
    )
    expect(() => mask !== 'untouched' && mask(Buffer.from([0, 0, 1, 0x41, 1, 0x41]))).toThrow('not known')
  })
})

const CARD = '4111111111111111'
const CARDS: MaskedKind = { kind: 'payment-card', style: 'redact', hashScope: 'session' }
const EMAILS: MaskedKind = { kind: 'email', style: 'redact', hashScope: 'session' }

describe('kinds of data', () => {
  const kinds = masker([], [CARDS, EMAILS])
  const number = (write: (bytes: Buffer) => void, size = 8): Buffer => {
    const bytes = Buffer.alloc(size)
    write(bytes)
    return bytes
  }
  const wide = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()

  it.each<[string, Partial<ColumnDefinition>, Buffer, string | null, Buffer?]>([
    ['a text', {}, Buffer.from(`pay ${CARD} now`), 'pay **** now'],
    ['a text of latin1', { collation: 8 }, Buffer.from('é ann@example.com', 'latin1'), 'é ****'],
    ['a text of no character set that it says', {}, Buffer.from([0xff, 0x20, ...ANN]), '\xff ****'],
    ['a text of UTF-16', { collation: 54 }, wide(`x ${CARD}`), wide('x ****').toString('latin1')],
    [
      'a text of UTF-32',
      { collation: 60 },
      Buffer.from([...CARD].map((digit) => `\0\0\0${digit}`).join(''), 'latin1'),
      '\0\0\0*\0\0\0*\0\0\0*\0\0\0*',
    ],
    ['a text of gbk', { collation: 28 }, Buffer.concat([Buffer.from([0xb0, 0xa1]), Buffer.from(CARD)]), '\xb0\xa1****'],
    ['bytes', { type: types.blob, collation: 63 }, Buffer.from(CARD), '****'],
    ['bytes that are UTF-16', { type: types.blob, collation: 63 }, wide(CARD), '\0****'],
    ['a text with zeros in between', { collation: 8 }, wide(ANN.toString()), '\0****'],
    ['a text of UTF-16, in the other byte order', { collation: 54 }, Buffer.from(CARD, 'utf16le'), null],
    ['a text with escapes', {}, Buffer.from('ann\\u0040example.com'), null],
    [
      'a large number',
      { type: types.longlong },
      Buffer.from(CARD),
      null,
      number((bytes) => bytes.writeBigInt64LE(BigInt(CARD))),
    ],
    [
      'a large number without sign',
      { type: types.longlong, flags: columnFlags.unsigned },
      Buffer.from(CARD),
      null,
      number((bytes) => bytes.writeBigInt64LE(BigInt(CARD))),
    ],
    ['a decimal', { type: types.newdecimal, collation: 63 }, Buffer.from(`${CARD}.00`), null],
    [
      'a double',
      { type: types.double },
      Buffer.from('4.111111111111111e15'),
      null,
      number((bytes) => bytes.writeDoubleLE(Number(CARD))),
    ],
    [
      'JSON, within a text of it',
      { type: types.json, collation: 63 },
      Buffer.from(`{"a": "${CARD}"}`),
      '{"a": "****"}',
    ],
    ['JSON, as a number of it', { type: types.json, collation: 63 }, Buffer.from(`[${CARD}]`), null],
    [
      'JSON, as a number with an exponent',
      { type: types.json, collation: 63 },
      Buffer.from('[4.111111111111111e15]'),
      null,
    ],
    ['bits as a number', { type: types.bit }, Buffer.from(BigInt(CARD).toString(16).padStart(16, '0'), 'hex'), null],
    [
      'a shape, as a coordinate',
      { type: types.geometry, collation: 63 },
      Buffer.concat([
        Buffer.from([0, 0, 0, 0, 1, 1, 0, 0, 0]),
        number((bytes) => bytes.writeDoubleLE(Number(CARD))),
        Buffer.alloc(8),
      ]),
      null,
    ],
    [
      'a shape that is none',
      { type: types.geometry, collation: 63 },
      Buffer.concat([
        Buffer.from([0, 0, 0, 0, 1, 1, 0, 0, 0]),
        number((bytes) => bytes.writeDoubleLE(Number(CARD))),
        Buffer.alloc(9),
      ]),
      null,
    ],
    ['one of a list', { type: types.string, flags: columnFlags.enum }, Buffer.from(CARD), null],
    ['a value of a type that is not known', { type: 0x20 }, Buffer.from(CARD), null],
  ])('are hidden in %s', (_what, over, value, text, binary = value) => {
    const of = column(over)
    const [shownText, shownBinary] =
      over.type === 0x20 ? [shownAsText(of, value), text] : shown(of, value, undefined, kinds, binary)
    expect([shownText, shownBinary]).toEqual(twice(text))
    expect(shown(column({}), null, undefined, kinds)).toEqual(twice(null))
  })

  const shownAsText = (of: ColumnDefinition, value: Buffer): string | null => {
    const mask = rowMasking([of], 'text', undefined, kinds)
    if (mask === 'untouched') return value.toString('latin1')
    const out = mask(textRow([value]))
    return out[0] === 0xfb ? null : out.toString('latin1', 1)
  }

  it('become NULL where a rule says so', () => {
    const nulls = masker([], [{ ...CARDS, style: 'null' }])
    expect(shown(column(), Buffer.from(`pay ${CARD}`), undefined, nulls)).toEqual(twice(null))
  })

  it.each<[string, Partial<ColumnDefinition>, Buffer, Buffer?]>([
    ['a short number', { type: types.longlong }, Buffer.from('4711'), number((bytes) => bytes.writeBigInt64LE(4711n))],
    ['a date', { type: types.datetime }, Buffer.from('1999-01-02 10:11:12'), Buffer.from([0xcf, 7, 1, 2, 10, 11, 12])],
    ['a double', { type: types.double }, Buffer.from('47.11'), number((bytes) => bytes.writeDoubleLE(47.11))],
    [
      'a shape',
      { type: types.geometry, collation: 63 },
      Buffer.concat([Buffer.from([0, 0, 0, 0, 1, 1, 0, 0, 0]), Buffer.alloc(16)]),
    ],
    ['bytes with zeros', { type: types.blob, collation: 63 }, Buffer.from([0, 1, 0, 2])],
  ])('are not in %s, which stays', (_what, over, text, binary = text) => {
    const of = column(over)
    const [inText, inBinary] = shown(of, text, undefined, kinds, binary)
    expect(inText).toBe(text.toString('latin1'))
    expect(inBinary).toBe(binary.toString('latin1'))
  })

  it('that cannot be in any column leave the rows untouched', () => {
    expect(rowMasking([column({ type: types.long }), column({ type: types.date })], 'binary', undefined, kinds)).toBe(
      'untouched',
    )
    expect(rowMasking([column()], 'text', [output(PLAIN)], masker([]))).toBe('untouched')
    expect(rowMasking([column()], 'text', [output(PLAIN)], masker([EMAIL]))).toBe('untouched')
  })
})

describe('any rows', () => {
  const value = fc.oneof(
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.string().map((text) => Buffer.from(text)),
  )
  const definitions = fc.array(
    fc.record({
      type: fc.constantFrom(
        types.varString,
        types.blob,
        types.long,
        types.longlong,
        types.double,
        types.short,
        types.tiny,
        types.datetime,
        types.newdecimal,
        types.json,
      ),
      collation: fc.constantFrom(8, 11, 28, 33, 45, 54, 60, 63),
      isMasked: fc.boolean(),
      value,
    }),
    { minLength: 1, maxLength: 20 },
  )
  const fitted = (type: number, bytes: Value): Value => {
    const size = FIXED_SIZES[type]
    return bytes === null || size === undefined ? bytes : Buffer.concat([bytes, Buffer.alloc(size)]).subarray(0, size)
  }

  it('stay as they are but for what is masked, in both forms', () => {
    fc.assert(
      fc.property(definitions, fc.constantFrom<RowForm>('text', 'binary'), (row, form) => {
        const columns = row.map(({ type, collation, isMasked }) =>
          column({ type, collation, originalName: isMasked ? 'email' : 'note' }),
        )
        const values = row.map((one, index) =>
          form === 'binary' ? fitted((columns[index] as ColumnDefinition).type, one.value) : one.value,
        )
        const encode = (all: readonly Value[]): Buffer => (form === 'text' ? textRow(all) : binaryRow(columns, all))
        const origins = row.map((one) => output(one.isMasked ? direct('redact') : PLAIN))
        const mask = rowMasking(columns, form, origins, masker([masked('email', { style: 'redact' })]))
        const out = mask === 'untouched' ? encode(values) : mask(encode(values))
        const hidden = row.map((one, index): Value => {
          const of = columns[index] as ColumnDefinition
          const now = values[index] as Value
          if (!one.isMasked || now === null) return now
          if (of.type === types.json) return isUtf8(now) ? Buffer.from('"****"') : null
          const charset = valueCharset(of.collation)
          if (charset === undefined || (of.type !== types.varString && of.type !== types.blob)) return null
          return decodeValue(Buffer.alloc(0), charset)?.encode('****') ?? null
        })
        expect(out).toEqual(encode(hidden))
      }),
      { numRuns: sampledRuns(500) },
    )
  })

  it('whose columns are not masked pass as the same bytes while kinds are looked for', () => {
    const kinds = masker([], [CARDS])
    fc.assert(
      fc.property(
        // Any large number may be a card's.
        definitions
          .map((row) => row.filter(({ type }) => type !== types.longlong && type !== types.double))
          .filter((row) => row.length > 0),
        fc.constantFrom<RowForm>('text', 'binary'),
        (row, form) => {
          const columns = row.map(({ type, collation }) => column({ type, collation }))
          const values = row.map((one, index) =>
            form === 'binary' ? fitted((columns[index] as ColumnDefinition).type, one.value) : one.value,
          )
          const bytes = form === 'text' ? textRow(values) : binaryRow(columns, values)
          const mask = rowMasking(columns, form, undefined, kinds)
          if (mask !== 'untouched') expect(mask(bytes)).toEqual(bytes)
        },
      ),
      { numRuns: sampledRuns(300) },
    )
  })

  it('with a card in any column never show it', () => {
    const kinds = masker([], [CARDS])
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.constantFrom(8, 11, 28, 33, 45, 54, 56, 60, 63),
        (before, after, collation) => {
          const charset = valueCharset(collation) ?? 'utf8'
          const text = `${before.replace(/\d/g, '')} ${CARD} ${after.replace(/\d/g, '')}`
          const bytes = decodeValue(Buffer.alloc(0), charset)?.encode(text)
          if (bytes === undefined) return
          const [shownText, shownBinary] = shown(column({ collation }), bytes, undefined, kinds)
          for (const one of [shownText, shownBinary]) expect((one ?? '').replaceAll('\0', '')).not.toContain(CARD)
        },
      ),
    )
  })
})

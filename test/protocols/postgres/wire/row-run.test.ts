import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rewriteCopyRow, type CopyFormat } from '../../../../src/protocols/postgres/wire/copy-row.ts'
import { rewriteDataRow, type Rewrite } from '../../../../src/protocols/postgres/wire/data-row.ts'
import { passRows, rewriteCopyRows, rewriteRows } from '../../../../src/protocols/postgres/wire/row-run.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'

const D = 0x44
const COPY = 0x64
const limits = (tag: number) => ({ tag, longest: 100_000 })

function message(tag: number, body: Buffer): Buffer {
  const head = Buffer.from([tag, 0, 0, 0, 0])
  head.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}
function row(values: readonly (Buffer | null)[]): Buffer {
  const count = Buffer.alloc(2)
  count.writeUInt16BE(values.length)
  const parts = values.flatMap((value) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(value === null ? -1 : value.length)
    return value === null ? [length] : [length, value]
  })
  return message(D, Buffer.concat([count, ...parts]))
}

/** Doubles what has no x; the rest is asked for the other way. */
const doubled = Object.assign(
  (value: Buffer | null) => (value === null ? null : Buffer.concat([value.subarray(0, 20), value.subarray(0, 20)])),
  {
    direct(source: Buffer, start: number, end: number, out: Buffer, at: number) {
      const length = Math.min(20, end - start)
      if (source.subarray(start, end).includes('x')) return -1
      source.copy(out, at, start, start + length)
      source.copy(out, at + length, start, start + length)
      return at + 2 * length
    },
  },
)
const REWRITES: Readonly<Record<string, Rewrite | undefined>> = {
  keep: undefined,
  same: () => undefined,
  null: () => null,
  stars: () => Buffer.from('****'),
  long: () => Buffer.alloc(5000, 0x61),
  doubled,
}
const what = fc.constantFrom(...Object.keys(REWRITES))
const value = fc.option(
  fc
    .string({ unit: fc.constantFrom('a', 'x', 'é', '@', '.', '1', '\t', '\n', '\\\\'), maxLength: 30 })
    .map((text) => Buffer.from(text)),
)

describe('rows that stand behind each other', () => {
  it('come out as if each was rewritten by itself, up to the first that is not whole', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 5 })
          .chain((columns) =>
            fc.tuple(
              fc.array(what, { minLength: columns, maxLength: columns }),
              fc.array(fc.array(value, { minLength: columns, maxLength: columns }), { maxLength: 12 }),
            ),
          ),
        fc.nat(40),
        fc.nat(60),
        ([names, values], before, cut) => {
          const rewrites = names.map((name) => REWRITES[name])
          const rows = values.map(row)
          const stream = Buffer.concat([Buffer.alloc(before, 1), ...rows])
          const chunk = stream.subarray(0, Math.max(before, stream.length - cut))
          const whole = rows.filter(
            (_, index) => before + Buffer.concat(rows.slice(0, index + 1)).length <= chunk.length,
          )
          const found = rewriteRows(chunk, before, rewrites, limits(D))
          expect(found.rows).toBe(whole.length)
          expect(found.end).toBe(before + Buffer.concat(whole).length)
          const expected = Buffer.concat(whole.map((one) => rewriteDataRow(one, rewrites)))
          expect(found.bytes.toString('latin1')).toBe(expected.toString('latin1'))
        },
      ),
      { numRuns: sampledRuns(1000) },
    )
  })

  it('are the same memory where nothing was changed', () => {
    const chunk = Buffer.concat([row([Buffer.from('a'), null]), row([Buffer.from('bc'), Buffer.from('d')])])
    for (const found of [
      passRows(chunk, 0, D, 1000),
      rewriteRows(chunk, 0, [undefined, undefined], limits(D)),
      rewriteRows(chunk, 0, [() => undefined, undefined], limits(D)),
    ]) {
      expect(found).toMatchObject({ rows: 2, end: chunk.length })
      expect(found.bytes.buffer).toBe(chunk.buffer)
      expect([found.bytes.byteOffset, found.bytes.length]).toEqual([chunk.byteOffset, chunk.length])
    }
  })

  it('stay in their memory while they get shorter, and leave what comes behind them alone', () => {
    const rows = [row([Buffer.from('somebody@example.com'), Buffer.from('a')]), row([Buffer.from('b'), null])]
    const behind = message(0x43, Buffer.from('SELECT 2\0'))
    const chunk = Buffer.concat([...rows, behind])
    const expected = Buffer.concat(rows.map((one) => rewriteDataRow(one, [() => Buffer.from('*'), undefined])))
    const found = rewriteRows(chunk, 0, [() => Buffer.from('*'), undefined], limits(D))
    expect(found.bytes.equals(expected)).toBe(true)
    expect([found.bytes.buffer, found.bytes.byteOffset]).toEqual([chunk.buffer, chunk.byteOffset])
    expect(chunk.subarray(found.end).equals(behind)).toBe(true)
  })

  it('that need more room than the ones before them move to a new buffer', () => {
    const rows = [row([Buffer.from('abcdef')]), row([Buffer.from('g')]), row([null]), row([Buffer.from('hi')])]
    const rewrite = (value: Buffer | null): Buffer => Buffer.alloc(value?.length === 6 ? 2 : 4, 0x2a)
    const chunk = Buffer.concat([...rows, message(0x5a, Buffer.from('I'))])
    const expected = Buffer.concat(rows.map((one) => rewriteDataRow(one, [rewrite])))
    const found = rewriteRows(chunk, 0, [rewrite], limits(D))
    expect(found.bytes.equals(expected)).toBe(true)
    expect(found.bytes.buffer).not.toBe(chunk.buffer)
    expect(chunk.subarray(found.end).toString('latin1')).toBe('Z\0\0\0\x05I')
  })

  it('that are too long, or not rows, are left', () => {
    const long = row([Buffer.alloc(2000)])
    expect(passRows(Buffer.concat([row([null]), long]), 0, D, 1000)).toMatchObject({ rows: 1, end: 11 })
    expect(rewriteRows(message(0x5a, Buffer.from('I')), 0, [doubled], limits(D))).toMatchObject({ rows: 0, end: 0 })
    expect(() => rewriteRows(row([null, null]), 0, [doubled], limits(D))).toThrow('2 values for 1 columns')
    const broken = row([Buffer.from('ab')])
    for (const length of [-2, 3, 1]) {
      broken.writeInt32BE(length, 7)
      expect(() => rewriteRows(broken, 0, [doubled], limits(D))).toThrow('DataRow')
    }
  })
})

describe('rows of COPY', () => {
  const TEXT: CopyFormat = { format: 'text', delimiter: '\t', null: '\\N', quote: '"', escape: '"', header: false }
  const escaped = (field: Buffer | null): string =>
    field === null
      ? '\\N'
      : field.toString('latin1').replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n')

  it('come out as if each was rewritten by itself', () => {
    fc.assert(
      fc.property(
        fc.array(what, { minLength: 1, maxLength: 4 }),
        fc.array(fc.array(value, { minLength: 1, maxLength: 4 }), { maxLength: 10 }),
        (names, values) => {
          const fieldsOf = (count: number): (Rewrite | undefined)[] =>
            Array.from({ length: count }, (_, index) => REWRITES[names[index % names.length] as string])
          const rows = values.map((fields) => Buffer.from(`${fields.map(escaped).join('\t')}\n`, 'latin1'))
          const chunk = Buffer.concat(rows.map((body) => message(COPY, body)))
          const slow = (body: Buffer): Buffer => rewriteCopyRow(body, TEXT, fieldsOf)
          const found = rewriteCopyRows(chunk, 0, { delimiter: 9, fieldsOf, slow }, limits(COPY))
          expect(found).toMatchObject({ rows: rows.length, end: chunk.length })
          const expected = Buffer.concat(rows.map((body) => message(COPY, slow(body))))
          expect(found.bytes.toString('latin1')).toBe(expected.toString('latin1'))
        },
      ),
      { numRuns: sampledRuns(1000) },
    )
  })
})

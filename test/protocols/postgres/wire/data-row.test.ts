import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rewriteDataRow } from '../../../../src/protocols/postgres/wire/data-row.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'

function row(values: readonly (Buffer | null)[]): Buffer {
  const parts: Buffer[] = [Buffer.from([0x44, 0, 0, 0, 0, 0, 0])]
  for (const value of values) {
    const length = Buffer.alloc(4)
    length.writeInt32BE(value === null ? -1 : value.length)
    parts.push(length, value ?? Buffer.alloc(0))
  }
  const bytes = Buffer.concat(parts)
  bytes.writeUInt32BE(bytes.length - 1, 1)
  bytes.writeUInt16BE(values.length, 5)
  return bytes
}

const value = fc.option(fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)))

describe('rewriteDataRow', () => {
  it('replaces exactly the values it is told to, and keeps every other byte', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(value, fc.constantFrom('keep', 'null', 'mask', 'ask')), { maxLength: 8 }),
        (columns) => {
          const rewrites = columns.map(([, what]) =>
            what === 'keep'
              ? undefined
              : () => (what === 'null' ? null : what === 'mask' ? Buffer.from('***') : undefined),
          )
          const expected = columns.map(([original, what]) =>
            what === 'keep' || what === 'ask' ? original : what === 'null' ? null : Buffer.from('***'),
          )
          const out = rewriteDataRow(row(columns.map(([original]) => original)), rewrites)
          expect(out.equals(row(expected))).toBe(true)
        },
      ),
    )
  })

  it('gives the same buffer back where nothing changed', () => {
    const frame = row([Buffer.from('a'), null])
    expect(rewriteDataRow(frame, [undefined, () => null])).toBe(frame)
  })

  it('refuses rows that are not the described ones, or malformed', () => {
    const frame = row([Buffer.from('a'), Buffer.from('b')])
    expect(() => rewriteDataRow(frame, [undefined])).toThrow(WireError)
    for (let cut = 5; cut < frame.length; cut++)
      expect(() => rewriteDataRow(frame.subarray(0, cut), [undefined, undefined])).toThrow(WireError)
    frame.writeInt32BE(-2, 7)
    expect(() => rewriteDataRow(frame, [undefined, undefined])).toThrow(WireError)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rewriteCopyRow, type CopyFormat } from '../../../../src/protocols/postgres/wire/copy-row.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'

const TEXT: CopyFormat = { format: 'text', delimiter: '\t', null: '\\N', quote: '"', escape: '"', header: false }
const CSV: CopyFormat = { ...TEXT, format: 'csv', delimiter: ',', null: '' }
const BINARY: CopyFormat = { ...TEXT, format: 'binary' }

/** What each field holds, seen by rewrites that change nothing. */
const fieldsOf = (row: string, format: CopyFormat): (string | null)[] => {
  const seen: (string | null)[] = []
  const same = rewriteCopyRow(Buffer.from(row), format, (count) =>
    Array.from({ length: count }, () => (value: Buffer | null) => {
      seen.push(value === null ? null : value.toString())
      return undefined
    }),
  )
  expect(same.toString()).toBe(row)
  return seen
}

const hide = (row: string, format: CopyFormat, column: number, by: string | null): string =>
  rewriteCopyRow(Buffer.from(row), format, (count) =>
    Array.from({ length: count }, (_, index) =>
      index === column ? () => (by === null ? null : Buffer.from(by)) : undefined,
    ),
  ).toString()

describe('COPY in text and CSV', () => {
  it.each<[string, CopyFormat, (string | null)[]]>([
    ['1\tjane\t\\N\n', TEXT, ['1', 'jane', null]],
    ['a\\tb\tc\\\\d\te\\nf\n', TEXT, ['a\tb', 'c\\d', 'e\nf']],
    ['a\\\tb\tc\n', TEXT, ['a\tb', 'c']],
    ['\t\n', TEXT, ['', '']],
    ['1,"a,b","say ""hi""",,""\n', CSV, ['1', 'a,b', 'say "hi"', null, '']],
    ['"line\nbreak",x\n', CSV, ['line\nbreak', 'x']],
    ["1;'it\\'s';NULL\r\n", { ...CSV, delimiter: ';', quote: "'", escape: '\\', null: 'NULL' }, ['1', "it's", null]],
  ])('%j', (row, format, fields) => {
    expect(fieldsOf(row, format)).toEqual(fields)
  })

  it.each<[string, CopyFormat, number, string | null, string]>([
    ['1\tjane@x.org\tz\n', TEXT, 1, '****', '1\t****\tz\n'],
    ['1\tjane\n', TEXT, 1, null, '1\t\\N\n'],
    ['1\tx\n', TEXT, 1, 'a\tb\\c', '1\ta\\tb\\\\c\n'],
    ['1,"a,b",c\n', CSV, 1, '****', '1,****,c\n'],
    ['1,x\n', CSV, 1, 'a,"b"', '1,"a,""b"""\n'],
    ['1,x\n', CSV, 1, '', '1,""\n'],
    ['1,x\n', CSV, 1, null, '1,\n'],
  ])('%j hidden', (row, format, column, by, expected) => {
    expect(hide(row, format, column, by)).toBe(expected)
  })

  it('what is written is read back as it was', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(TEXT, CSV),
        fc.array(fc.string(), { minLength: 2, maxLength: 4 }),
        (format, values) => {
          const plain = values.map(() => 'x').join(format.delimiter) + '\n'
          const row = rewriteCopyRow(Buffer.from(plain), format, () => values.map((value) => () => Buffer.from(value)))
          const seen: (string | null)[] = []
          rewriteCopyRow(row, format, () =>
            values.map(() => (value: Buffer | null) => {
              seen.push(value?.toString() ?? null)
              return undefined
            }),
          )
          expect(seen).toEqual(values)
        },
      ),
    )
  })
})

describe('COPY in binary', () => {
  const signature = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
  const row = Buffer.from('00020000000161ffffffff', 'hex')

  it('the first message has the signature before its row, the last is no row', () => {
    const nothing = () => [() => null, () => Buffer.from('b')]
    expect(rewriteCopyRow(row, BINARY, nothing).toString('hex')).toBe('0002ffffffff0000000162')
    expect(
      rewriteCopyRow(Buffer.concat([signature, row]), BINARY, nothing)
        .subarray(19)
        .toString('hex'),
    ).toBe('0002ffffffff0000000162')
    expect(rewriteCopyRow(Buffer.from('ffff', 'hex'), BINARY, nothing).toString('hex')).toBe('ffff')
    expect(rewriteCopyRow(signature, BINARY, nothing)).toEqual(signature)
  })

  it('cut or damaged, raises only WireError', () => {
    fc.assert(
      fc.property(fc.nat(row.length), fc.uint8Array({ maxLength: 20 }), (cut, more) => {
        try {
          rewriteCopyRow(Buffer.concat([row.subarray(0, cut), more]), BINARY, (count) =>
            Array.from({ length: Math.min(count, 100) }, () => () => null),
          )
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })
})

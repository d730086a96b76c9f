import { expect, it } from 'vitest'
import { maskedDefault } from '../../../../../src/protocols/mysql/gateway/results/masked-default.ts'
import { ByteWriter } from '../../../../../src/wire/byte-writer.ts'

const SEARCH = {
  kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }],
  keys: { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) },
} as const

/** A column with this behind its fixed fields. */
function columnWith(rest: Buffer): Buffer {
  const out = new ByteWriter()
  for (const text of ['def', 'shop', 'people', 'people', 'email', 'email']) out.lengthEncodedBytes(Buffer.from(text))
  out.lengthEncodedBytes(Buffer.alloc(12))
  out.bytes(rest)
  return out.finish()
}
const valued = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text, 'latin1')])

it('hides a value of a masked kind in the default of a column', () => {
  expect(maskedDefault(columnWith(valued('to ann@example.com')), SEARCH, 'utf8mb4')).toEqual(
    columnWith(valued('to ****')),
  )
  expect(maskedDefault(columnWith(valued('\xe9 ann@example.com')), SEARCH, 'latin1')).toEqual(
    columnWith(valued('\xe9 ****')),
  )
})

it('makes a default NULL where values of the kind are', () => {
  const search = { ...SEARCH, kinds: [{ ...SEARCH.kinds[0], style: 'null' }] } as const
  expect(maskedDefault(columnWith(valued('ann@example.com')), search, 'utf8mb4')).toEqual(columnWith(Buffer.of(0xfb)))
})

it.each([
  ['no default', Buffer.alloc(0)],
  ['NULL', Buffer.of(0xfb)],
  ['a text', valued('hello')],
  ['an empty text', valued('')],
])('lets a column with %s pass', (_, rest) => {
  expect(maskedDefault(columnWith(rest), SEARCH, 'utf8mb4')).toBeUndefined()
})

it('refuses bytes that no default has', () => {
  expect(() => maskedDefault(columnWith(Buffer.concat([valued('a'), valued('b')])), SEARCH, 'utf8mb4')).toThrow(
    'too many',
  )
})

import { describe, expect, it } from 'vitest'
import { PLAIN, repeated, valueOf, type Origin } from '../../../src/sql/lineage/origin.ts'
import { resolveColumn, type QueryScope, type RangeItem } from '../../../src/sql/lineage/scope.ts'
import { toyDialect } from '../../fixtures/sql/toy-dialect.ts'

const SECRET = valueOf({ name: 'shop.people.email', style: 'redact', sideChannels: 'deny' } as Parameters<
  typeof valueOf
>[0])
const people: RangeItem = {
  alias: 'p',
  columns: [
    { name: 'id', origin: PLAIN },
    { name: 'email', origin: SECRET },
  ],
}
/** A function, whose columns are not known. */
const unnamed = (origin: Origin): RangeItem => ({ alias: 'f', columns: [repeated(origin)] })
const isMasked = (path: string[], items: readonly RangeItem[], outer?: QueryScope): boolean =>
  resolveColumn({ items, outer }, path, toyDialect).masks.length > 0

describe('a name that no column has', () => {
  it('may be anything that is visible', () => {
    expect(isMasked(['other'], [people])).toBe(true)
    expect(isMasked(['other'], [{ alias: 'n', columns: [{ name: 'id', origin: PLAIN }] }])).toBe(false)
  })

  it('is one of those whose names are not known, if there are any: here, or around it', () => {
    expect(isMasked(['other'], [people, unnamed(PLAIN)])).toBe(false)
    expect(isMasked(['other'], [people, unnamed(SECRET)])).toBe(true)
    expect(isMasked(['other'], [unnamed(PLAIN)], { items: [people], outer: undefined })).toBe(false)
    expect(isMasked(['other'], [people], { items: [unnamed(PLAIN)], outer: undefined })).toBe(false)
    expect(isMasked(['email'], [people, unnamed(PLAIN)])).toBe(true)
  })
})

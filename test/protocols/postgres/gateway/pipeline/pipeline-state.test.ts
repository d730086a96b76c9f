import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { LaneConnection } from '../../../../helpers/lane-connections.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

describe('the end of a transaction', () => {
  it('has what could not be read for certain read again', () => {
    const { pipeline } = new LaneConnection({ parser })
    pipeline.noteTransaction({ type: 'sync' })
    expect(pipeline.known.noted).toBeUndefined()
    pipeline.known.uncertain = 'not read'
    pipeline.noteTransaction({ type: 'sync' })
    expect(pipeline.known.noted).toBe('anything')
  })

  it('makes its changes known, and they are no longer its own once nothing more is on its way', () => {
    const { pipeline } = new LaneConnection({ parser })
    const touches = new Set(['x'])
    pipeline.changes.uncommitted = { by: 'definition', touches, renews: touches, makesRules: false, named: true }
    pipeline.expect({ type: 'sync' })
    pipeline.noteTransaction({ type: 'sync' })
    expect(pipeline.changes.uncommitted).toBeDefined()
    expect(pipeline.known.noted).toEqual(touches)
    pipeline.answered()
    pipeline.noteTransaction({ type: 'sync' })
    expect(pipeline.changes.uncommitted).toBeUndefined()
  })
})

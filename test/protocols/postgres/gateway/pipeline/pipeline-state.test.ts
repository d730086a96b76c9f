import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { Run } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'
import type { TransactionStatus } from '../../../../../src/protocols/postgres/wire/server-message.ts'
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
    pipeline.changes.uncommitted = {
      by: 'definition',
      touches,
      renews: touches,
      makesRules: false,
      named: true,
      byCode: false,
    }
    pipeline.expect({ type: 'sync' })
    pipeline.noteTransaction({ type: 'sync' })
    expect(pipeline.changes.uncommitted).toBeDefined()
    expect(pipeline.known.noted).toEqual(touches)
    pipeline.answered()
    pipeline.noteTransaction({ type: 'sync' })
    expect(pipeline.changes.uncommitted).toBeUndefined()
  })
})

describe('what a transaction has changed', () => {
  const touches = new Set(['x'])
  const CHANGE = { by: 'definition', touches, renews: touches, makesRules: false, named: true, byCode: false } as const
  const SELECT = { endsTransaction: false }
  const ROLLBACK_TO = { endsTransaction: true }

  /** What is old after a query of an open transaction that has changed `x`, and has read it since. */
  function noted(before: TransactionStatus, after: TransactionStatus, run: object, byCode = false): unknown {
    const { pipeline } = new LaneConnection({ parser })
    pipeline.changes.uncommitted = { ...CHANGE, byCode }
    pipeline.noteStatus(before)
    pipeline.noteStatus(after)
    pipeline.noteTransaction({ type: 'query', run: run as Run })
    return pipeline.known.noted
  }

  it('need not be read again after each of its later statements', () => {
    expect(noted('T', 'T', SELECT)).toBeUndefined()
  })

  it.each([
    ['ended', 'T', 'I', SELECT, false],
    ['failed', 'T', 'E', SELECT, false],
    ['failed before, and goes on', 'E', 'T', SELECT, false],
    ['was rolled back to a savepoint', 'T', 'T', ROLLBACK_TO, false],
    ['has only begun with that statement', 'I', 'T', SELECT, false],
    ['has run code of unknown effect, of which some may have been deferred', 'T', 'T', SELECT, true],
  ] as const)('is read again where it %s', (_what, before, after, run, byCode) => {
    expect(noted(before, after, run, byCode)).toEqual(touches)
  })
})

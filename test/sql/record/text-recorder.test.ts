import { afterAll, describe, expect, it } from 'vitest'
import type { ParsedStatement } from '../../../src/sql/facts/parsed-statement.ts'
import type { TextFacts } from '../../../src/sql/facts/text-facts.ts'
import { recordable } from '../../../src/sql/record/recordable.ts'
import { textRecorder, type RecordedText } from '../../../src/sql/record/text-recorder.ts'
import { patternKind } from '../../../src/policy/pattern-kind.ts'
import { piecesOf } from '../../../src/protocols/postgres/gateway/pipeline/recordable.ts'
import { commitmentsUnder } from '../../../src/shared/commitment-key.ts'
import { sqlStatement } from '../../helpers/sql-statement.ts'
import { compiled } from '../../helpers/compiled.ts'

const key = Buffer.alloc(32, 7)
const session = {
  masking: {
    kinds: [
      { kind: patternKind({ name: 'badge', pattern: 'B-[0-9]+' }), style: 'redact', hashScope: 'session' },
    ] as const,
  },
  commitment: commitmentsUnder(key),
  commitmentKey: key,
}

// Compiled: the worker is a file beside it.
const recorder = textRecorder<undefined>(
  new URL(compiled('protocols/postgres/gateway/pipeline/postgres-record-worker.ts')),
  piecesOf,
)
const broken = textRecorder<undefined>(new URL('data:text/javascript,throw new Error("it fails")'), piecesOf)
afterAll(() => Promise.all([recorder.close(), broken.close()]))

const OPEN: TextFacts = {
  statements: [sqlStatement({})],
  parsed: [{ literals: [], secret: false } as unknown as ParsedStatement],
  errorExposure: 'none',
  lineage: [],
  comparisons: [],
  changesCatalog: false,
  objects: '',
  unresolved: false,
}
const TOUCHES_MASKED: TextFacts = { ...OPEN, errorExposure: 'quoted' }
const rows = Array.from({ length: 2000 }, (_, id) => `(${id}, 'jane${id}@example.com', 'B-${id}', 'plain ‹text›')`)
const LONG = `insert into people values ${rows.join(', ')}`
const text = (sql: string, parameters: RecordedText<undefined>['parameters'] = []): RecordedText<undefined> => ({
  sql,
  parameters,
  session,
  context: undefined,
})

describe('what may be kept of a statement', () => {
  it('is found at once where it is short', () => {
    const short = text("select 'jane@example.com'", ['B-1'])
    expect(recorder.ahead(short, OPEN)).toBeUndefined()
    expect(recorder.record(short, OPEN, undefined)).toEqual(
      recordable(short.sql, short.parameters, OPEN, session, piecesOf),
    )
  })

  it.each([
    ['a text', text(LONG), OPEN],
    ['a text over masked columns', text(LONG), TOUCHES_MASKED],
    ['a parameter', text('insert into people values ($1)', [LONG, null, '5']), OPEN],
    ['a parameter over masked columns', text('insert into people values ($1)', [LONG, null, '5']), TOUCHES_MASKED],
  ])('is found ahead where it is long, and is the same: %s', async (_, long, facts) => {
    const ahead = await recorder.ahead(long, facts)
    const recorded = recorder.record(long, facts, ahead)
    expect(recorded).toEqual(recordable(long.sql, long.parameters, facts, session, piecesOf))
    expect(JSON.stringify(recorded)).not.toMatch(/example\.com|B-\d|‹text/)
  })

  it.each([
    ['nobody looked for it', undefined, OPEN],
    ['definitions say otherwise by now', OPEN, TOUCHES_MASKED],
  ])('is nothing where %s: the text is detached', async (_, then, now) => {
    const long = text(LONG, ['5'])
    const ahead = then && (await recorder.ahead(long, then))
    const recorded = recorder.record(long, now, ahead)
    expect(recorded.text).toMatch(
      /^‹a text of \d+ bytes that was searched under definitions that have changed since, [0-9a-f]{12}›$/,
    )
    expect(recorded).toMatchObject({ parameters: [expect.stringMatching(/^‹[0-9a-f]{12}›$/)], detached: LONG })
  })

  it('is nothing where the search breaks', async () => {
    const long = text(LONG)
    const ahead = await broken.ahead(long, OPEN)
    const recorded = broken.record(long, OPEN, ahead)
    expect(recorded.text).toMatch(/^‹a text of \d+ bytes that takes too long to search for values to mask/)
    expect(recorded.detached).toBe(LONG)
  })

  it('is not searched for where the text was not read', () => {
    const unread = { ...OPEN, parsed: [] }
    expect(recorder.ahead(text(LONG), unread)).toBeUndefined()
    expect(recorder.record(text(LONG), unread, undefined)).toMatchObject({ detached: LONG })
  })
})

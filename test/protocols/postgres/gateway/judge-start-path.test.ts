import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CommandDraft, Hold, Session, Verdict } from '../../../../src/gateway/engine.ts'
import { createSqlParser, type SqlParser } from '../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { judgeStartPath } from '../../../../src/protocols/postgres/gateway/judge-start-path.ts'
import type { PostgresTarget } from '../../../../src/protocols/postgres/target.ts'
import { PamError } from '../../../../src/shared/errors.ts'

let parser: SqlParser
beforeAll(async () => void (parser = await createSqlParser()))
afterAll(() => parser.close())

const judge = async (path: string, decision: Verdict | Hold = { type: 'forward', id: 'dec_1' }) => {
  const drafts: CommandDraft[] = []
  const session = {
    decide(draft: CommandDraft) {
      drafts.push(draft)
      return decision
    },
  } as unknown as Session<PostgresTarget>
  await judgeStartPath(path, session, parser)
  return drafts
}

describe('a search path at start-up', () => {
  it.each(['public', 'a, b', '"$user", public', "'x'"])('%s is judged as the SET that it is', async (path) => {
    const [draft, ...more] = await judge(path)
    expect(more).toEqual([])
    expect(draft).toMatchObject({ text: `SET search_path TO ${path}`, facts: { statements: [{ kinds: ['set'] }] } })
    expect(draft?.notes()).toEqual(['at start-up'])
  })

  it.each(['', 'a; drop table t', "a; set role 'x'", 'a b', 'a -- \n; reset all', '((', 'a, /*'])(
    '%j is no list of schemas',
    async (path) => {
      await expect(judge(path)).rejects.toMatchObject({ code: 'STARTUP_REFUSED' })
    },
  )

  it('is refused where the rules refuse it', async () => {
    const error = new PamError('COMMAND_REFUSED', 'no')
    await expect(judge('a', { type: 'refuse', id: 'dec_1', error })).rejects.toBe(error)
  })

  it('is withdrawn where it would be held: nobody can wait at start-up', async () => {
    let withdrawn = 0
    const error = new PamError('HOLD_WITHDRAWN', 'x')
    const hold = {
      type: 'hold',
      withdraw: () => void withdrawn++,
      verdict: Promise.resolve({ type: 'refuse', id: 'dec_1', error }),
    } as unknown as Hold
    await expect(judge('a', hold)).rejects.toMatchObject({ code: 'STARTUP_REFUSED' })
    expect(withdrawn).toBe(1)
  })
})

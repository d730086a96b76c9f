import { describe, expect, it } from 'vitest'
import { codeOf, CommandJudge, denialError, withoutLocks, type Denial } from '../../src/gateway/command-judge.ts'
import { PamError } from '../../src/shared/errors.ts'
import { sqlStatement } from '../helpers/sql-statement.ts'
import { draftOf, jane, policyOf, store } from '../helpers/session-parts.ts'

const policy = policyOf(`commands:
  - { name: reading, match: { kinds: [select] }, allow: true }
  - { name: risky, match: { kinds: [truncate] }, hold: { approvers: { groups: [sre] }, inTransaction: refuse } }
  - { name: patient, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] } } }
`)
const judge = new CommandJudge(jane, store)

describe('judging a command', () => {
  it('follows the rules', () => {
    expect(judge.judge(draftOf({}), policy)).toEqual({ type: 'allow', rule: 'reading' })
    expect(judge.judge(draftOf({ kinds: ['truncate'] }), policy).type).toBe('hold')
    expect(judge.judge(draftOf({ kinds: ['drop-table'] }), policy).type).toBe('deny')
  })

  it('refuses what the engine refuses, whatever the rules say', () => {
    const refusal = new PamError('MESSAGE_TOO_LARGE', 'too large', { hint: 'send less' })
    const judgement = judge.judge(draftOf({}, { refusal }), policy)
    expect(judgement).toMatchObject({ type: 'deny', rule: undefined, message: 'too large', hint: 'send less' })
  })

  it('names what does not exist, and its statement, to those who could use it', () => {
    const refusal = new PamError('MASKING_REFUSED', 'email is masked, and WHERE could reveal it')
    const error = new PamError('MASKING_REFUSED', 'the relation nope is not in the catalog', { hint: 'check' })
    const judged = (kinds: string[]) => {
      const statements = [sqlStatement({}), sqlStatement({ kinds, unknown: ['nope'] })]
      const refusedFor = { error, at: 1, facts: { type: 'sql', statements: [sqlStatement({ kinds })] } }
      const draft = draftOf({}, { refusal, refusedFor, facts: { type: 'sql', statements } })
      const judgement = judge.judge(draft, policy)
      expect(codeOf(judgement as Denial, draft)).toBe('MASKING_REFUSED')
      return judgement
    }
    const named = { message: 'statement 2 of 2 (SELECT): the relation nope is not in the catalog', hint: 'check' }
    expect(judged(['select'])).toMatchObject({ type: 'deny', ...named })
    expect(judged(['drop-table'])).toMatchObject({ type: 'deny', message: refusal.message })
  })

  it('refuses what could not be analysed, unless a rule allows it as it is', () => {
    const unread = new PamError('COMMAND_UNKNOWN', 'cannot be read')
    expect(judge.judge(draftOf({}, { unread }), policy).type).toBe('allow')
    // Nobody is asked about it.
    expect(judge.judge(draftOf({ kinds: ['truncate'] }, { unread }), policy)).toMatchObject({
      type: 'deny',
      code: 'COMMAND_UNKNOWN',
      message: 'cannot be read',
    })
  })

  it('refuses what cannot be held in full, and leaves the rest to the rules', () => {
    const tooLarge = new PamError('MESSAGE_TOO_LARGE', 'too long')
    const denied = policyOf('commands: [{ name: never, match: { kinds: [truncate] }, deny: not here }]')
    const held = draftOf({ kinds: ['truncate'] }, { tooLarge })
    const refused = judge.judge(held, policy)
    expect(refused).toMatchObject({ type: 'deny', rule: 'risky', code: 'MESSAGE_TOO_LARGE', message: 'too long' })
    expect(codeOf(refused as Denial, held)).toBe('MESSAGE_TOO_LARGE')
    expect(judge.judge(draftOf({}, { tooLarge }), policy).type).toBe('allow')
    const never = draftOf({ kinds: ['truncate'] }, { tooLarge })
    const own = judge.judge(never, denied)
    expect(own).toMatchObject({ type: 'deny', rule: 'never', message: 'not here' })
    expect(codeOf(own as Denial, never)).toBe('COMMAND_REFUSED')
  })

  it('uses the current rules', () => {
    const draft = draftOf({})
    expect(judge.judge(draft, policy).type).toBe('allow')
    expect(judge.judge(draft, policyOf('')).type).toBe('deny')
    expect(judge.judge(draft, policy).type).toBe('allow')
  })
})

it('refuses to hold a command in a transaction where a rule says so', () => {
  const held = (kinds: string[], inTransaction: boolean) => {
    const draft = draftOf({ kinds }, { inTransaction })
    return withoutLocks(draft, judge.judge(draft, policy))
  }
  expect(held(['truncate'], true)).toMatchObject({
    type: 'deny',
    rule: 'risky',
    message: 'TRUNCATE needs approval and cannot be held inside a transaction',
  })
  expect(held(['truncate'], false).type).toBe('hold')
  expect(held(['delete'], true).type).toBe('hold')
})

describe('what the client is told', () => {
  const denial: Denial = { type: 'deny', rule: 'r', code: 'COMMAND_REFUSED', message: 'no', hint: 'do this' }

  it('contains the rule, the hint and the decision', () => {
    expect(denialError(denial, draftOf({}), 'dec_1')).toMatchObject({
      code: 'COMMAND_REFUSED',
      message: 'no',
      id: 'dec_1',
      hint: 'rule "r"; do this; decision dec_1',
    })
    const bare = { ...denial, rule: undefined, hint: undefined }
    expect(denialError(bare, draftOf({}), 'dec_1').hint).toBe('decision dec_1')
  })

  it("has the engine's own code where it has one", () => {
    const [refusal, unread] = [new PamError('MESSAGE_TOO_LARGE', ''), new PamError('COMMAND_UNKNOWN', '')]
    expect(codeOf(denial, draftOf({}, { refusal, unread }))).toBe('MESSAGE_TOO_LARGE')
    expect(codeOf(denial, draftOf({}, { unread }))).toBe('COMMAND_UNKNOWN')
    expect(codeOf(denial, draftOf({}))).toBe('COMMAND_REFUSED')
  })
})

import { describe, expect, it } from 'vitest'
import { eraseDetached, keep } from '../../../src/cli/commands/keep.ts'
import { runVerb, type VerbOutcome } from '../../helpers/verb.ts'

const LEGAL_HOLD = { by: 'alice', reason: 'case 12', at: '2026-01-05T12:00:00.000Z' }
const gateway = {
  'POST /v1/sessions/ses_77aa/legal-hold': { session: 'ses_77aa', legalHold: LEGAL_HOLD },
  'POST /v1/sessions/ses_77aa/lift-hold': { session: 'ses_77aa' },
  'POST /v1/sessions/ses_77aa/erase-apart': {},
}
const pamctl = (...args: string[]): Promise<VerbOutcome> => runVerb([keep, eraseDetached], args, { gateway })

describe('pamctl keep', () => {
  it('holds a recording, with a reason, and lifts the hold', async () => {
    expect(await pamctl('keep', 'ses_77aa', '--reason', 'case 12')).toMatchObject({
      code: 0,
      stderr: 'ses_77aa is kept until the hold is lifted\n',
      calls: [{ call: 'POST /v1/sessions/ses_77aa/legal-hold', body: { reason: 'case 12' } }],
    })
    expect(await pamctl('keep', 'ses_77aa', '--lift')).toMatchObject({
      code: 0,
      stderr: 'ses_77aa follows the retention rules again\n',
      calls: [{ call: 'POST /v1/sessions/ses_77aa/lift-hold', body: { reason: '' } }],
    })
  })

  it('prints the hold as JSON', async () => {
    const { stdout, stderr } = await pamctl('keep', 'ses_77aa', '--json')
    expect([JSON.parse(stdout), stderr]).toEqual([{ session: 'ses_77aa', legalHold: LEGAL_HOLD }, ''])
  })

  it('needs the id of a session', async () => {
    expect(await pamctl('keep', 'grt_1')).toMatchObject({ code: 2, calls: [] })
  })
})

describe('pamctl erase-detached', () => {
  it.each(['erase-detached', 'erase-texts'])('erases as %s', async (verb) => {
    expect(await pamctl(verb, 'ses_77aa', '--reason', 'asked for')).toMatchObject({
      code: 0,
      stderr: 'erased the detached texts of ses_77aa\n',
      calls: [{ call: 'POST /v1/sessions/ses_77aa/erase-apart', body: { reason: 'asked for' } }],
    })
    const { stdout, stderr } = await pamctl(verb, 'ses_77aa', '--json')
    expect([JSON.parse(stdout), stderr]).toEqual([{ session: 'ses_77aa' }, ''])
  })
})

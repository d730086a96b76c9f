import { expect, it } from 'vitest'
import { CommandLog } from '../../src/gateway/command-log.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import { draftOf, SessionBench } from '../helpers/session-parts.ts'

const rules = { digest: 'd', language: policyLanguage }
const allow = { type: 'allow', rule: 'r' } as const
const logOf = (bench: SessionBench): CommandLog => new CommandLog(bench.recorder, bench.clock)

it('records what a command does, its verdict and why it was refused', () => {
  const bench = new SessionBench('')
  const draft = draftOf(
    { kinds: ['delete'], writes: ['public.t'] },
    { recorded: { text: 'DELETE ‹x›', parameters: ['a'] } },
  )
  const denial = { type: 'deny', rule: 'r', code: 'COMMAND_REFUSED', message: 'no', hint: undefined } as const
  const id = logOf(bench).record(draft, denial, rules)
  expect(bench.events).toEqual([
    {
      type: 'command',
      id,
      verdict: 'deny',
      rule: 'r',
      code: 'COMMAND_REFUSED',
      message: 'no',
      text: 'DELETE ‹x›',
      apart: undefined,
      parameters: ['a'],
      digest: 'd',
      kinds: ['delete'],
      reads: [],
      writes: ['public.t'],
      unknown: undefined,
    },
  ])
})

it('has nothing in reasons and names that the text may not have', () => {
  const bench = new SessionBench('')
  const keep = (said: string): string => said.replaceAll('hunter2', '…')
  const draft = draftOf(
    { kinds: ['get'], reads: ['/hunter2'], writes: ['/x/hunter2'], unknown: ['hunter2?'] },
    { recorded: { text: '…', parameters: [], keep } },
  )
  const message = 'no rule allows GET /hunter2'
  logOf(bench).record(draft, { type: 'deny', rule: 'r', code: 'COMMAND_REFUSED', message, hint: undefined }, rules)
  expect(bench.events).toEqual([
    expect.objectContaining({ reads: ['/…'], writes: ['/x/…'], unknown: ['…?'], message: 'no rule allows GET /…' }),
  ])
})

it('detaches the original of what could not be parsed', () => {
  const bench = new SessionBench('')
  logOf(bench).record(draftOf({}, { recorded: { text: '‹hidden›', parameters: [], detached: 'selekt' } }), allow, rules)
  expect(bench.detached).toEqual(['selekt'])
  expect(bench.events).toEqual([expect.objectContaining({ text: '‹hidden›', apart: { id: '1', sha256: '' } })])
})

it('counts, and remembers the last ten before one, each cut to 500 characters', () => {
  const log = logOf(new SessionBench(''))
  const ids = Array.from({ length: 20 }, (_, i) => log.record(draftOf({}, { text: `${i}`.padEnd(600) }), allow, rules))
  expect(log.tally).toEqual({ commands: 20, denied: 0, held: 0 })
  expect(log.before(ids.at(-1)).map(({ id }) => id)).toEqual(ids.slice(9, 19))
  expect(log.before(undefined)).toHaveLength(11)
  expect(log.before(ids[0])).toHaveLength(11)
  expect(new Set(log.before(undefined).map(({ text }) => text.length))).toEqual(new Set([500]))
})

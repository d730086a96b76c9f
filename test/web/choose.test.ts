import { describe, expect, it } from 'vitest'
import type { AccessRequest, Target } from '../../src/api/schemas/access.ts'
import {
  choicesOf,
  filledBy,
  isForSeveral,
  labelsIn,
  matchingTargets,
  together,
  withLabels,
} from '../../web/features/access/choose.ts'

const target = (name: string, more: Partial<Target> = {}): Target => ({
  name,
  type: 'postgres',
  labels: { env: 'prod' },
  access: 'on request, up to 1h, approved by sre',
  grant: 'request',
  longestMs: 3_600_000,
  reasonRequired: false,
  accounts: ['app'],
  ...more,
})
const request = (names: readonly string[], state = 'pending') =>
  ({
    id: 'req_1',
    state,
    target: names.join(', '),
    targets: names.map((name) => ({ name, rule: 'r' })),
  }) as unknown as AccessRequest

describe('a request for several targets', () => {
  it('says of each why it cannot be requested, and puts those last', () => {
    const targets = [
      target('locked', { locked: 'locked until noon' }),
      target('standing', { grant: 'standing' }),
      target('emergency', { grant: 'break-glass' }),
      target('asked'),
      target('free'),
    ]
    expect(choicesOf(targets, [], [request(['asked', 'other'])]).map((one) => [one.target.name, one.problem])).toEqual([
      ['free', undefined],
      ['locked', 'locked until noon'],
      ['standing', 'needs no request: you have standing access'],
      ['emergency', 'cannot be requested: access in an emergency only'],
      ['asked', 'already requested: req_1'],
    ])
    expect(choicesOf([target('asked')], [], [request(['asked'], 'denied')])[0]?.problem).toBeUndefined()
  })

  it('a label chooses what can be requested and is not held already', () => {
    const targets = [
      target('a'),
      target('held'),
      target('dev', { labels: { env: 'dev' } }),
      target('b', { locked: 'x' }),
    ]
    const choices = choicesOf(targets, [{ target: 'held', endsAt: '2026-11-30T12:00:00.000Z' }], [])
    expect(choices.find((one) => one.target.name === 'held')?.note).toMatch(/^you have access until .*second grant/)
    expect(withLabels(choices, { env: 'prod' })).toEqual(['a'])
    expect(labelsIn(targets)).toEqual(['env=dev', 'env=prod'])
  })

  it('is decided by the groups that may approve all of them, for the shortest time that one allows', () => {
    const a = target('a', { approvers: { groups: ['sre', 'dba'], count: 1 }, reasonRequired: true })
    const b = target('b', { approvers: { groups: ['dba'], count: 2, stepUp: 'passkey' }, longestMs: 60_000 })
    const c = target('c', { approvers: { groups: ['network'], count: 1 } })
    expect(together([a, b])).toEqual({
      longestMs: 60_000,
      reasonRequired: true,
      approvers: '2 of dba with a passkey',
    })
    expect(together([a, c]).problem).toBe(
      'No group of approvers decides on all of these targets: a (sre or dba), c (network). Request targets with different approvers separately.',
    )
    expect(together(Array.from({ length: 21 }, (_, at) => target(`t${at}`))).problem).toMatch(
      /at most 20 targets; you have chosen 21/,
    )
    // A gateway up to 0.2 does not say who approves: its own refusal is shown then.
    expect(together([target('a'), target('b')])).toEqual({ longestMs: 3_600_000, reasonRequired: false })
  })

  it('takes a link for one target, several, or labels, and no more of it than a form holds', () => {
    const link = (query: string) => filledBy(new URLSearchParams(query))
    expect(link('reason=x')).toBeUndefined()
    expect(link('label=env&label==x')).toBeUndefined()
    const one = link('target=a&for=30m&reason=INC')
    expect(one).toEqual({ targets: ['a'], labels: {}, reason: 'INC', length: '30m', start: '', ignored: [] })
    expect(one && isForSeveral(one)).toBe(false)
    expect(link('target=a&target=b&target=a')?.targets).toEqual(['a', 'b'])
    const labelled = link(`label=env%3Dprod&label=team%3Da%3Db&reason=${'x'.repeat(2000)}`)
    expect(labelled).toMatchObject({ targets: [], labels: { env: 'prod', team: 'a=b' } })
    expect(labelled?.reason).toHaveLength(1000)
    expect(labelled && isForSeveral(labelled)).toBe(true)
  })

  it('drops nothing of a link without a word', () => {
    const link = (query: string) => filledBy(new URLSearchParams(query))
    const many = link(Array.from({ length: 25 }, (_, at) => `target=t${at}`).join('&'))
    expect(many?.targets).toHaveLength(25)
    expect(together((many?.targets ?? []).map((name) => target(name))).problem).toMatch(
      /at most 20 targets; you have chosen 25/,
    )
    const odd = link(`label=env%3Dprod&label=env%3Ddev&label=env%3Dprod&label=team&reason=${'x'.repeat(1001)}`)
    expect(odd?.labels).toEqual({ env: 'prod' })
    expect(odd?.ignored).toEqual([
      'label "env=dev": no target has env=prod as well',
      'label "team": a label is NAME=VALUE',
      'reason: what is behind its first 1000 characters',
    ])
  })

  it('finds a target by every word of its name, type, labels or rule', () => {
    const targets = [target('prod-db', { rule: 'production' }), target('web', { type: 'ssh', labels: {} })]
    const names = (filter: string) => matchingTargets(targets, (one) => one, filter).map(({ name }) => name)
    expect(names('')).toEqual(['prod-db', 'web'])
    expect(names('PRODUCTION env=prod')).toEqual(['prod-db'])
    expect(names('ssh prod')).toEqual([])
  })
})

import { beforeEach, describe, expect, it } from 'vitest'
import type { PipelineState } from '../../../../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import type { Pending } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'
import { testPipeline } from '../../../../helpers/postgres-pipeline.ts'

const MADE = new Set(['made'])
const CHANGE = { touches: MADE, renews: MADE, by: 'definition', makesRules: false } as const
const SENT: Pending = { type: 'sync' }
let own: PipelineState
let other: PipelineState
beforeEach(() => {
  own = testPipeline().pipeline
  other = testPipeline({ definitions: own.definitions }).pipeline
})
const othersWait = (): boolean => other.definitions.othersTouching(other, MADE).length > 0

describe('what a session changes', () => {
  it('is for itself alone within a transaction, and else for everybody', () => {
    own.changes.note(CHANGE, true)
    expect([own.known.noted, other.known.noted]).toEqual([MADE, undefined])
    own.changes.note(CHANGE, false)
    expect(other.known.noted).toEqual(MADE)
  })

  it('makes others wait from when it is sent until it is answered', () => {
    own.changes.publish(SENT, CHANGE, true)
    expect([othersWait(), own.definitions.othersTouching(own, MADE)]).toEqual([true, []])
    own.changes.finish({ type: 'sync' })
    expect(othersWait()).toBe(true)
    own.changes.finish(SENT)
    expect(othersWait()).toBe(false)
  })

  it('makes others wait before it is sent once it was announced, until that ends', () => {
    own.changes.announce(CHANGE)
    own.changes.announce(CHANGE)
    expect(othersWait()).toBe(true)
    own.changes.endAnnouncement()
    expect(othersWait()).toBe(false)
  })

  it('keeps nobody waiting once the session is over', () => {
    own.changes.publish(SENT, CHANGE, true)
    own.changes.announce(CHANGE)
    own.changes.leave()
    expect(othersWait()).toBe(false)
  })

  it.each([
    ['defining statements alone', CHANGE, true, false],
    ['code of unknown effect', { ...CHANGE, by: 'code' }, false, true],
    ['a definition in a text of unknown effect', CHANGE, false, true],
    ['a statement that was not resolved', { ...CHANGE, by: 'unread' }, true, true],
  ] as const)('is known to be made by %s, also after another definition', (_by, change, isNamed, byCode) => {
    own.changes.noteUncommitted(change, isNamed)
    expect(own.changes.uncommitted?.byCode).toBe(byCode)
    own.changes.noteUncommitted(CHANGE, true)
    expect(own.changes.uncommitted?.byCode).toBe(byCode)
  })

  it('may follow after the catalogs were found unchanged: the next message has them count as changed again', () => {
    own.changes.noteUncommitted({ ...CHANGE, by: 'code' }, false)
    if (own.changes.uncommitted !== undefined) own.changes.uncommitted = { ...own.changes.uncommitted, isUnseen: true }
    own.changes.noteUncommitted(undefined, true)
    expect(own.changes.uncommitted).toMatchObject({ byCode: true, isUnseen: false })
  })

  it('adds up over a transaction, and stays named once a statement has named some of it', () => {
    own.changes.noteUncommitted(undefined, true)
    expect(own.changes.uncommitted).toBeUndefined()
    own.changes.noteUncommitted(CHANGE, true)
    own.changes.noteUncommitted(
      { touches: new Set(['more']), renews: 'anything', by: 'definition', makesRules: false },
      false,
    )
    expect(own.changes.uncommitted).toEqual({
      touches: new Set(['made', 'more']),
      renews: 'anything',
      by: 'definition',
      makesRules: false,
      named: true,
      byCode: true,
    })
  })
})

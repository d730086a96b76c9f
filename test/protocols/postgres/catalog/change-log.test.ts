import { describe, expect, it } from 'vitest'
import { ChangeLog, seenFirst } from '../../../../src/protocols/postgres/catalog/change-log.ts'

const [A, B] = [new Set(['a']), new Set(['b'])]

describe('what was read before a change', () => {
  it('is old by all names that were noted since', () => {
    const log = new ChangeLog()
    log.note(A)
    const seen = seenFirst(log.changes)
    expect(log.renewedSince(seen)).toBeUndefined()
    log.note(A)
    log.note(B)
    expect(log.renewedSince(seen)).toEqual(new Set(['a', 'b']))
    expect(log.mayHaveChangedSince(seen)).toBeUndefined()
    log.note('anything', 'code')
    expect([log.renewedSince(seen), log.definedSince(seen), log.mayHaveChangedSince(seen)]).toEqual([
      'anything',
      new Set(['a', 'b']),
      'code',
    ])
  })
})

describe('a reading of some names alone', () => {
  const cause = 1
  const readOf = (log: ChangeLog, names: ReadonlySet<string>, asked: number, before = seenFirst(0)) =>
    log.withNames(before, names, asked, new Set([cause]))

  it('has seen what concerns no others and was noted before it was asked for', () => {
    const log = new ChangeLog()
    log.note(B)
    log.note(A)
    log.note(new Set(['a', 'b']))
    const asked = log.changes
    log.note(A)
    const seen = readOf(log, A, asked)
    expect(seen).toEqual({ changes: 0, also: new Set([2]) })
    expect(log.renewedSince(seen)).toEqual(new Set(['a', 'b']))
  })

  it('has seen what it comes after, whenever that was noted, and nothing of the same names that others have on their way', () => {
    const log = new ChangeLog()
    log.note(A, 'definition', cause)
    const asked = log.changes
    log.note(A, 'definition', cause)
    expect(log.renewedSince(readOf(log, A, asked))).toBeUndefined()
    log.note(A, 'definition', 2)
    expect(log.renewedSince(readOf(log, A, asked))).toEqual(A)
    log.note('anything', 'definition', cause)
    expect(log.renewedSince(readOf(log, A, asked))).toBe('anything')
  })

  it('leaves nothing that was noted before, or that it comes after, to another where it was complete', () => {
    const log = new ChangeLog()
    log.note(A, 'code')
    log.note('anything', 'definition', cause)
    const asked = log.changes
    log.note(B, 'definition', 2)
    log.note('anything', 'definition', cause)
    const seen = log.withAll(asked, new Set([cause]))
    expect([seen, log.renewedSince(seen)]).toEqual([{ changes: 2, also: new Set([4]) }, B])
    log.note('anything', 'code')
    expect(log.renewedSince(seen)).toBe('anything')
  })

  it('leaves what code may have changed to a reading of everything', () => {
    const log = new ChangeLog()
    log.note('anything', 'code')
    log.note(A)
    const seen = readOf(log, A, log.changes)
    expect([seen.changes, log.renewedSince(seen)]).toEqual([0, 'anything'])
  })

  it('adds up with those before it, and is forgotten where nothing is left out', () => {
    const log = new ChangeLog()
    log.note(A)
    log.note(B)
    log.note(A)
    const one = readOf(log, B, log.changes)
    expect(one).toEqual({ changes: 0, also: new Set([2]) })
    expect(readOf(log, A, log.changes, one)).toEqual({ changes: 3, also: new Set() })
  })

  it('is as old as one of everything once nobody remembers what has changed', () => {
    const log = new ChangeLog()
    for (let count = 0; count < 1000; count++) log.note(A, 'definition', cause)
    expect(log.renewedSince(readOf(log, A, log.changes))).toBe('anything')
  })
})

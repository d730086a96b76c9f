import { describe, expect, it } from 'vitest'
import {
  auditHash,
  AuditVerifier,
  signAudit,
  signCheckpoint,
  type AuditCheckpoint,
  type AuditRecord,
} from '../../src/recording/audit-chain.ts'
import { canonicalJson } from '../../src/shared/canonical-json.ts'
import { parseExactJson } from '../../src/shared/exact-json.ts'
import type { Signer } from '../../src/recording/seal.ts'
import type { TrustedKey } from '../../src/recording/verify.ts'
import { at, chainOf, first, foreign, HISTORY, KEYS, rotation, second, type Step } from '../helpers/audit-chain.ts'

const heads = chainOf(HISTORY)
const headOf = (seq: number) => ({ seq, hash: heads[seq - 1]?.hash ?? '' })

function check(
  chain: readonly AuditRecord[],
  checkpoints: readonly AuditCheckpoint[] = [],
  keys: readonly TrustedKey[] = KEYS,
) {
  const verifier = new AuditVerifier(keys, checkpoints)
  for (const record of chain) verifier.check(record)
  return verifier.result()
}
const fails = (kind: string, seq: number, reason: RegExp) => ({
  status: 'invalid',
  kind,
  seq,
  reason: expect.stringMatching(reason) as string,
})

describe('keys of the chain have a time', () => {
  it('each key signs in its time, and the retired one its own retirement', () => {
    expect(check(heads)).toMatchObject({ status: 'valid', entries: 6 })
  })

  it.each<[string, Step[], number, RegExp]>([
    [
      'the retired key signs after its retirement',
      [...HISTORY, { at: 13, signer: first }],
      7,
      /second|is the one in use/,
    ],
    ['… backdated', [...HISTORY, { at: 5, signer: first }], 7, /is the one in use/],
    ['the new key signs before it is put in use', [{ at: 11, signer: second }, ...HISTORY.slice(2)], 2, /in use/],
    [
      'the retirement is left out, and the retired key goes on',
      [...HISTORY.slice(0, 3), { at: 13, signer: first }],
      4,
      /was not in use then/,
    ],
    [
      'the retirement is left out, and the new key goes on',
      [...HISTORY.slice(0, 3), { at: 13, signer: second }],
      4,
      /is the one in use/,
    ],
    [
      'a millisecond after the end of the key',
      [
        { at: 1, signer: first },
        { at: 10.001, signer: first },
      ],
      2,
      /not in use then/,
    ],
    ['before the beginning of the key', [{ at: -1, signer: first }], 1, /not in use then/],
    ['the new key retires the old one', [...HISTORY.slice(0, 3), { ...rotation(10.5), signer: second }], 4, /in use/],
    [
      'nobody signs the retirement',
      [...HISTORY.slice(0, 3), { ...rotation(10.5), signer: undefined }, ...HISTORY.slice(4)],
      4,
      /retires a key and is not signed with it/,
    ],
    [
      'the retirement names another key than it holds',
      [...HISTORY.slice(0, 3), { ...rotation(10.5), subject: first.keyId }],
      4,
      /holds another/,
    ],
    ['the retired key puts itself in use again', [...HISTORY, rotation(13, first, first)], 7, /in use/],
    [
      'a key that auditors were not given is put in use',
      [...HISTORY.slice(0, 3), rotation(10.5, first, foreign)],
      4,
      /not among the keys given/,
    ],
    ['an unknown key signs', [{ at: 1, signer: foreign }], 1, /not among the keys given/],
  ])('%s: invalid', (_what, steps, seq, reason) => {
    expect(check(chainOf(steps))).toMatchObject(fails('chain', seq, reason))
  })
})

describe('checkpoints', () => {
  const checkpoint = (seq: number, when: number, signer: Signer, hash = headOf(seq).hash): AuditCheckpoint =>
    signCheckpoint({ seq, hash }, at(when), signer)
  const OTHER = 'b'.repeat(64)

  it('of both keys, each in its time, hold; the same one twice, too', () => {
    const kept = [
      checkpoint(1, 1, first),
      checkpoint(3, 10, first),
      checkpoint(4, 10.5, second),
      checkpoint(6, 12, second),
    ]
    expect(check(heads, [...kept, checkpoint(6, 13, second)])).toMatchObject({ status: 'valid', checkpoints: 4 })
  })

  it('a chain written anew with the stolen key, and checkpoints of it added: a contradiction, the worst of all', () => {
    const anew = chainOf(HISTORY.map((step, index) => (index === 4 ? { ...step, subject: 'another' } : step)))
    const kept = [
      checkpoint(5, 11, second),
      checkpoint(5, 20, second, anew[4]?.hash),
      checkpoint(6, 20, second, anew[5]?.hash),
    ]
    for (const order of [kept, kept.toReversed()]) {
      for (const chain of [heads, anew])
        expect(check(chain, order)).toMatchObject(fails('contradiction', 5, /contradict each other/))
    }
  })

  it.each<[string, AuditCheckpoint[], string, number, RegExp]>([
    ['of another chain', [checkpoint(5, 11, second, OTHER)], 'chain', 5, /rewritten/],
    ['longer than the chain', [checkpoint(7, 13, second, OTHER)], 'chain', 7, /is missing/],
    ['by the retired key, after its time', [checkpoint(3, 13, first)], 'checkpoint', 3, /was not in use/],
    ['by the retired key, dated back', [checkpoint(6, 9, first)], 'checkpoint', 6, /was the one in use/],
    ['by the retired key, of its own retirement', [checkpoint(4, 10, first)], 'checkpoint', 4, /was the one in use/],
    ['by the new key, before its time', [checkpoint(1, 1, second)], 'checkpoint', 1, /was not in use/],
    ['by the new key, of what was before it', [checkpoint(1, 11, second)], 'checkpoint', 1, /was the one in use/],
    ['by an unknown key', [checkpoint(1, 1, foreign)], 'checkpoint', 1, /not among the keys given/],
    ['with a changed time', [{ ...checkpoint(1, 1, first), at: at(2).toISOString() }], 'checkpoint', 1, /signature/],
    [
      'with another spelling of its time',
      [{ ...checkpoint(1, 1, first), at: '2026-01-01T00:00:01Z' }],
      'checkpoint',
      1,
      /as the gateway writes it/,
    ],
    [
      'with a field more',
      [{ ...checkpoint(1, 1, first), note: '' } as AuditCheckpoint],
      'checkpoint',
      1,
      /as the gateway writes it/,
    ],
    [
      'shorter, and later than a longer one',
      [checkpoint(6, 12, second), checkpoint(5, 13, second)],
      'checkpoint',
      5,
      /put back/,
    ],
  ])('%s: found', (_what, kept, kind, seq, reason) => {
    expect(check(heads, kept)).toMatchObject(fails(kind, seq, reason))
  })
})

describe('only what the gateway writes', () => {
  const [entry] = heads as [AuditRecord]
  it.each<[string, object]>([
    ['a field that no hash covers', { ...entry, comment: 'checked by the auditor' }],
    ['another spelling of its time', { ...entry, at: '2026-01-01T00:00:01Z' }],
    ['more digits of its time', { ...entry, at: '2026-01-01T00:00:01.0000Z' }],
    ['a key without a signature', { ...entry, signature: undefined }],
    ['data that are no object', { ...entry, data: [] }],
    ['a number that is a text', { ...entry, seq: '1' }],
  ])('%s: invalid', (_what, record) => {
    expect(check([record as AuditRecord])).toMatchObject(
      fails('chain', record === undefined ? 0 : (record as AuditRecord).seq, /as the gateway writes it/),
    )
  })

  it.each([
    '{"actor":"mallory","actor":"jane"}',
    '{"data":{"a":1,"a":2}}',
    '{"a": 1}',
    ' {"a":1}',
    '{"a":1}\r',
    '{"a":"\\u0061"}',
    '{"a":1.0}',
    '{"a":1e0}',
  ])('%j is read by nobody', (line) => {
    expect(() => parseExactJson(line)).toThrow('as the gateway writes it')
  })

  it('what it writes is read', () => {
    for (const record of heads) expect(parseExactJson(JSON.stringify(record))).toEqual(record)
  })
})

describe('what the chain says of records', () => {
  it('damaged, altered, short, stray and lost are told', () => {
    const verifier = new AuditVerifier(KEYS, [])
    const entry = (type: string, subject: string, data: AuditRecord['data']): Step => ({
      at: 1,
      type,
      subject,
      data,
      signer: first,
    })
    for (const record of chainOf([
      entry('recording.damaged', 'ses_1', { problem: 'is not what was sealed', file: 'a' }),
      entry('recording.recovered', 'ses_2', { sha256: 'd', tail: 'altered', problem: 'events 3 to 4 …' }),
      entry('recording.recovered', 'ses_3', { sha256: 'd', tail: 'short' }),
      entry('recording.sealed', 'ses_4', { sha256: 'd' }),
      entry('recording.damaged', 'ses_4', { problem: 'is elsewhere', file: 'b', stray: true }),
      entry('journal.recovered', 'j1', { tail: 'whole' }),
      entry('journal.recovered', 'j2', { tail: 'altered', reason: 'is gone' }),
      entry('journal.recovered', 'j3', { tail: 'short', reason: '1 records are missing' }),
    ]))
      verifier.check(record)
    expect(verifier.result().status).toBe('valid')
    expect([...verifier.recordings.values()]).toMatchObject([
      { session: 'ses_1', damaged: 'is not what was sealed' },
      { session: 'ses_2', tail: 'altered', problem: 'events 3 to 4 …' },
      { session: 'ses_3', tail: 'short' },
      { session: 'ses_4' },
    ])
    expect(verifier.recordings.get('ses_4')?.damaged).toBeUndefined()
    expect(verifier.findings).toEqual([
      { subject: 'ses_4', problem: 'stray: b is elsewhere' },
      { subject: 'j2', problem: 'altered: is gone' },
      { subject: 'j3', problem: 'short: 1 records are missing' },
    ])
  })
})

describe('an entry by itself genuine, signed with the key in use, is refused', () => {
  /** The second of a chain, with a hash and a signature of its own. */
  const entry = (given: Partial<AuditRecord> = {}): AuditRecord => {
    const content = {
      id: 'aud_2',
      type: 'x',
      actor: 'gateway',
      subject: 's',
      previous: headOf(1).hash,
      seq: 2,
      ...given,
    }
    const hash = auditHash({ ...content, at: at(2).getTime(), data: canonicalJson({}) })
    return { ...content, at: at(2).toISOString(), data: {}, hash, ...signAudit({ seq: content.seq, hash }, first) }
  }
  const verdictOn = (...entries: AuditRecord[]) => check([...heads.slice(0, 1), ...entries])

  it('but for one in its place', () => {
    expect(verdictOn(entry())).toMatchObject({ status: 'valid', entries: 2 })
  })

  it.each<[string, AuditRecord, number, RegExp]>([
    ['where one before it is missing', entry({ seq: 3 }), 3, /stands where entry 2 should be/],
    ['where it was there before', entry({ seq: 1 }), 1, /stands where entry 2 should be/],
    ['where it follows another', entry({ previous: headOf(2).hash }), 2, /does not follow/],
    ['where its data were changed', { ...entry(), data: { a: 1 } }, 2, /was changed/],
    ['where its actor was changed', { ...entry(), actor: 'jane' }, 2, /was changed/],
    ['where its time was changed', { ...entry(), at: at(3).toISOString() }, 2, /was changed/],
    [
      'with the signature of another',
      { ...entry(), signature: entry({ id: 'aud_x' }).signature ?? '' },
      2,
      /signature/,
    ],
    [
      'where it says that the chain was altered',
      entry({ type: 'audit.altered' }),
      2,
      /found the chain before it altered/,
    ],
  ])('%s', (_, record, seq, reason) => {
    expect(verdictOn(record)).toMatchObject(fails('chain', seq, reason))
  })

  it('where it is the last and nobody has signed it: what came behind it was cut off', () => {
    const { key: _key, signature: _signature, ...unsigned } = entry()
    expect(verdictOn(unsigned)).toMatchObject(fails('chain', 2, /is not signed: what came after it was cut off/))
  })

  it('and nothing behind it is believed', () => {
    expect(verdictOn(entry({ previous: headOf(2).hash }), entry({ seq: 3 }))).toMatchObject(
      fails('chain', 2, /does not follow/),
    )
  })
})

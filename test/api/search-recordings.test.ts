import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { searchRecordings, type OpenedRecord } from '../../src/api/search-recordings.ts'
import { RecordContents, SearchedTexts } from '../../src/api/searched-texts.ts'
import type { CommandEvent } from '../../src/recording/event.ts'
import type { ReadEvent } from '../../src/recording/read.ts'
import type { SessionRow } from '../../src/storage/sessions.ts'

const command = (text: string, verdict: CommandEvent['verdict'] = 'allow', kinds = ['select']): CommandEvent => ({
  type: 'command',
  id: 'dec_1',
  digest: '',
  reads: [],
  writes: [],
  text,
  verdict,
  kinds,
})

describe('SearchedTexts', () => {
  const kept = (...commands: CommandEvent[]): SearchedTexts => {
    const contents = new RecordContents()
    for (const one of commands) contents.add(one)
    const known = new SearchedTexts()
    known.keep('ses_1', contents)
    return known
  }

  it('never skips a recording that contains the text', () => {
    const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 60 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(texts, fc.nat(), fc.nat(), fc.nat(), (all, which, from, to) => {
        const text = (all[which % all.length] as string).toLowerCase()
        const sought = text.slice(from % (text.length + 1)).slice(0, to % (text.length + 1))
        const known = kept(...all.map((one) => command(one)))
        expect(known.mayHave('ses_1', { text: sought, verdict: 'allow', kind: 'select' })).toBe(true)
      }),
    )
  })

  it('remembers what a recording cannot contain, and nothing of other recordings', () => {
    const known = kept(command('select * from orders'), command('DROP TABLE t', 'deny', ['drop-table']))
    const may = (sought: object): boolean => known.mayHave('ses_1', { text: '', ...sought })
    expect(may({ text: 'drop table', verdict: 'deny', kind: 'drop-table' })).toBe(true)
    expect(may({ text: 'nowhere to be found' })).toBe(false)
    expect(may({ verdict: 'hold' })).toBe(false)
    expect(may({ kind: 'truncate' })).toBe(false)
    expect(may({ text: 'xy' })).toBe(true)
    expect(known.mayHave('ses_2', { text: 'nowhere to be found' })).toBe(true)
  })

  it('keeps no more than its limit, newest first, and nothing of a recording that contains nearly everything', () => {
    const known = new SearchedTexts(2000)
    for (let n = 0; n < 30; n++) {
      const contents = new RecordContents()
      contents.add(command('select 1'))
      known.keep(`ses_${n}`, contents)
    }
    const forgotten = (n: number): boolean => known.mayHave(`ses_${n}`, { text: 'nowhere' })
    expect([forgotten(0), forgotten(29)]).toEqual([true, false])

    const large = new RecordContents()
    for (let n = 0; n < 30_000; n++) large.add(command(String.fromCharCode(n + 1, n + 2, n + 3)))
    expect(large.bits()).toBeUndefined()
  })
})

describe('searchRecordings', () => {
  const session = { id: 'ses_1', person: { label: 'jane' }, target: 'db' } as SessionRow
  const events = async function* (...texts: string[]): AsyncGenerator<ReadEvent> {
    for (const [seq, text] of texts.entries())
      yield { event: { seq, at: 'T', ms: 0, ...command(text) }, data: undefined }
  }
  const search = async (
    known: SearchedTexts,
    text: string,
    open: (onHidden: (seal: { events: number }) => void) => OpenedRecord,
  ) => {
    const found: object[] = []
    let opened = 0
    const sessions = (async function* () {
      yield session
    })()
    const all = searchRecordings(
      sessions,
      { text },
      100,
      async (_id, onHidden) => {
        opened++
        return open(onHidden)
      },
      known,
    )
    for await (const one of all) found.push(one)
    return { found, opened }
  }
  const whole = (): OpenedRecord => ({ events: events('select 1', 'select orders'), isWhole: true })

  it('reads a recording without the text once, and one that may have it again', async () => {
    const known = new SearchedTexts()
    expect(await search(known, 'NOWHERE', whole)).toEqual({ found: [], opened: 1 })
    expect(await search(known, 'elsewhere', whole)).toEqual({ found: [], opened: 0 })
    expect(await search(known, 'Orders', whole)).toMatchObject({ found: [{ text: 'select orders' }], opened: 1 })
  })

  it.each<[string, (onHidden: (seal: { events: number }) => void) => OpenedRecord, object[]]>([
    ['is added to', () => ({ ...whole(), isWhole: false }), []],
    [
      'is encrypted in part',
      (onHidden) => {
        onHidden({ events: 3 })
        return whole()
      },
      [{ type: 'skipped', session: 'ses_1', reason: '3 events are encrypted' }],
    ],
    [
      'cannot be read to its end',
      () => ({
        events: (async function* () {
          yield* events('select 1')
          throw new Error('has an invalid signature')
        })(),
        isWhole: true,
      }),
      [{ type: 'skipped', session: 'ses_1', reason: 'has an invalid signature' }],
    ],
  ])('reads a recording each time that %s', async (_what, open, found) => {
    const known = new SearchedTexts()
    for (let time = 0; time < 2; time++) expect(await search(known, 'nowhere', open)).toEqual({ found, opened: 1 })
  })

  it('remembers nothing of a recording that it read in part', async () => {
    const known = new SearchedTexts()
    const all = searchRecordings(
      (async function* () {
        yield session
      })(),
      { text: 'select' },
      1,
      async () => whole(),
      known,
    )
    for await (const one of all) if (one.type === 'more') break
    expect(known.mayHave('ses_1', { text: 'orders' })).toBe(true)
  })
})

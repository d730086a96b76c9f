import { createPublicKey } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { recordCipher, recordReader, type RecordCipher } from '../../src/recording/encryption.ts'
import type { RecordedEvent } from '../../src/recording/event.ts'
import { firstHash, nextHash } from '../../src/recording/frame.ts'
import { digestOfFile } from '../../src/recording/homes/directory.ts'
import { headOf, JournalFile, realDisk } from '../../src/recording/journal-file.ts'
import { encodeEvents, entryKinds, JOURNAL_MAGIC, type JournalEntry } from '../../src/recording/journal-format.ts'
import { OpenSegment, type Taken } from '../../src/recording/open-segment.ts'
import { recoverSpool, type KnownRecording, type RecoverOptions, type Recovery } from '../../src/recording/recover.ts'
import { generateSigningKeyPem, signerFromPem, type SegmentSeal } from '../../src/recording/seal.ts'
import { encodeSegment, MAGIC } from '../../src/recording/segment.ts'
import { verifyRecording } from '../../src/recording/verify.ts'
import {
  command,
  eventsOf,
  filesIn,
  keys,
  macKey,
  opened,
  openSpool,
  recorderOptions,
  signer,
  written,
} from '../helpers/recordings.ts'

/** A spool as a gateway leaves it that is killed: nothing was closed. */
let directory: string
let left: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  left = join(directory, 'left')
  chain = { ses_1: { file: recorderOptions('ses_1').file }, ses_2: { file: recorderOptions('ses_2').file } }
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function leave({ seal = false, recipients = [] as readonly string[] } = {}): Promise<void> {
  const running = join(directory, 'running')
  const spool = openSpool(running)
  for (const session of ['ses_1', 'ses_2']) {
    const recorder = await spool.open(opened(session), { ...recorderOptions(session), recipients })
    recorder.intent(command('select 1'))
    recorder.detach('not read')
    await written(recorder)
    if (seal) await recorder.sealNow()
    recorder.intent(command('select 2'))
    await written(recorder)
  }
  cpSync(running, left, { recursive: true })
  await spool.stop()
}

/** What the audit chain says of these sessions, where it is not what each of them begins with. */
let chain: Record<string, KnownRecording>
const recover = async (expected: readonly string[] = [], options: Partial<RecoverOptions> = {}): Promise<Recovery> => {
  const known = new Map(Object.entries(chain))
  const recovery = await recoverSpool(left, { macKey, signer, keys, expected, known, ...options })
  recovery.finish()
  return recovery
}
const file = (session = 'ses_1'): string => join(left, '2026-11', `${session}.pamrec`)
const journal = (): string => filesIn(left, '.journal')[0] as string
const status = async (session?: string) => {
  const result = await verifyRecording(file(session), keys)
  return [result.status, 'tail' in result ? result.tail : undefined, 'events' in result ? result.events : undefined]
}

/** Where each record of the journal ends. */
function recordEnds(): number[] {
  const bytes = readFileSync(journal())
  const ends: number[] = []
  for (let at = JOURNAL_MAGIC.length; at < bytes.length;) ends.push((at += 4 + bytes.readUInt32BE(at) + 32))
  return ends
}

describe('recover', () => {
  it.each([false, true])('closes what a hard stop left (sealed in part: %s)', async (seal) => {
    await leave({ seal })
    const { recordings, journals } = await recover()
    expect(recordings.map((found) => found.type)).toEqual(['sealed', 'sealed'])
    expect(journals).toMatchObject([{ tail: 'whole' }])
    expect(await status()).toEqual(['recovered', 'whole', 4])
    expect((await eventsOf(file())).at(-1)).toMatchObject({ type: 'ended', code: 'GATEWAY_STOPPED' })
    expect(existsSync(file().replace('.pamrec', '.pamapart'))).toBe(true)
    expect(filesIn(left, '.journal')).toEqual([])
  })

  it('a second start changes nothing more', async () => {
    await leave()
    await recover()
    const before = readFileSync(file())
    const again = await recover()
    expect(again.recordings).toHaveLength(2)
    expect(readFileSync(file())).toEqual(before)
  })

  it('a stop while it recovers loses nothing: the next start goes on', async () => {
    await leave({ seal: true })
    const kept = join(directory, 'kept')
    cpSync(left, kept, { recursive: true })
    await recover()
    const done = readFileSync(file())
    // The first session is done, the second is not, and the journal is still there.
    rmSync(left, { recursive: true })
    cpSync(kept, left, { recursive: true })
    writeFileSync(file(), done)
    await recover()
    expect(await status('ses_1')).toEqual(['recovered', 'whole', 4])
    expect(await status('ses_2')).toEqual(['recovered', 'whole', 4])
  })

  it('a segment that was written in part is in the journal as well', async () => {
    await leave({ seal: true })
    const kept = join(directory, 'kept')
    cpSync(left, kept, { recursive: true })
    const whole = statSync(file()).size
    for (const cut of [whole - 1, whole - 40, 12, 4, 0]) {
      rmSync(left, { recursive: true })
      cpSync(kept, left, { recursive: true })
      truncateSync(file(), cut)
      await recover()
      expect([cut, ...(await status())]).toEqual([cut, 'recovered', 'whole', 4])
    }
  })

  it('an encrypted record is closed without being read, and its auditor reads all of it', async () => {
    const identity = await generateX25519Identity()
    await leave({ recipients: [await identityToRecipient(identity)] })
    await recover()
    expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'recovered', events: 4, hidden: 3 })
    const reader = recordReader([identity])
    expect(await verifyRecording(file(), keys, reader)).toMatchObject({ status: 'recovered', events: 4, hidden: 0 })
    expect((await eventsOf(file(), reader)).map(({ type }) => type)).toEqual(['opened', 'command', 'command', 'ended'])
  })

  it('an encrypted session that outlived the journal file it began in can be read, too', async () => {
    const identity = await generateX25519Identity()
    const running = join(directory, 'running')
    const spool = openSpool(running, { rotateAt: 3000 })
    const open = { ...recorderOptions(), recipients: [await identityToRecipient(identity)] }
    const recorder = await spool.open(opened(), open)
    for (let n = 0; n < 30; n++) {
      recorder.intent(command(`select ${n}`))
      await written(recorder)
    }
    await expect.poll(() => filesIn(running, '.journal').some((name) => name.endsWith('00000001.journal'))).toBe(false)
    recorder.intent(command('select after_rotation'))
    await written(recorder)
    cpSync(running, left, { recursive: true })
    await spool.stop()
    await recover()
    const reader = recordReader([identity])
    expect(await verifyRecording(file(), keys, reader)).toMatchObject({
      status: 'recovered',
      tail: 'whole',
      events: 33,
    })
    expect(JSON.stringify(await eventsOf(file(), reader))).toContain('after_rotation')
  })

  /** A journal with these turns of one session, as a gateway leaves it. */
  function turnsOf(turns: readonly Partial<Taken>[], cipher?: RecordCipher): void {
    const journal = new JournalFile(join(left, 'journal'), macKey, realDisk)
    const opening = { file: recorderOptions().file, wrappedKey: cipher?.wrappedKey }
    const entries: JournalEntry[] = [
      { session: 'ses_1', kind: entryKinds.opened, seq: 0, bytes: Buffer.from(JSON.stringify(opening)) },
    ]
    for (const { first = 0, events = 0, bytes = Buffer.alloc(0), begins = false, ends = false } of turns) {
      const seen = cipher === undefined ? bytes : cipher.hide(first, bytes)
      const entry = encodeEvents({ first, begins, ends, hidden: cipher !== undefined, bytes: seen })
      entries.push({ session: 'ses_1', kind: entryKinds.events, seq: first + events - 1, bytes: entry })
    }
    journal.writeSync(journal.record(entries))
    journal.close()
  }
  /** Two segments of 40 events, an opening and what comes after it, each turn of some. */
  function twoSegments(perTurn: number, ended = false): Taken[] {
    const turns: Taken[] = []
    for (const first of [0, 40]) {
      const open = new OpenSegment(first)
      for (let n = first; n < first + 40; n++) {
        const isEnd = ended && n === 79
        const again = { ...command('select 1', `dec_000000000${1000 + n}`), ...SAME, digest: 'ab'.repeat(32) }
        const body = n === 0 ? opened() : isEnd ? ENDED : again
        open.add(body, undefined, 1_780_000_000_000 + n, n)
        if (n % perTurn > 0) continue
        const taken = open.take()
        if (taken !== undefined) turns.push({ ...taken, bytes: Buffer.from(taken.bytes) })
      }
      const rest = open.take()
      if (rest !== undefined) turns.push({ ...rest, bytes: Buffer.from(rest.bytes) })
    }
    return turns
  }
  const SAME = { kinds: ['select'], reads: [] as string[], writes: [] as string[] }
  const ENDED = { type: 'ended', code: 'CLIENT_LEFT', message: 'bye' } as const

  it.each([
    [1, false],
    [7, false],
    [16, false],
    [100, false],
    [7, true],
  ])(
    'turns of %i events are put together in the segments that they were added to (encrypted: %s)',
    async (size, encrypted) => {
      const identity = await generateX25519Identity()
      const cipher = encrypted ? await recordCipher([await identityToRecipient(identity)]) : undefined
      const reader = recordReader([identity])
      turnsOf(twoSegments(size), cipher)
      await recover()
      const found = await verifyRecording(file(), keys, reader)
      expect(found).toMatchObject({
        status: 'recovered',
        tail: 'whole',
        events: 81,
        hidden: 0,
        segments: encrypted ? 3 : 2,
      })
      const events = await eventsOf(file(), reader)
      expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 81 }, (_, n) => n))
      for (const event of events.slice(1, 80))
        expect(event).toMatchObject({ type: 'command', text: 'select 1', ms: event.seq })
      expect(events.at(-1)).toMatchObject({ type: 'ended', code: 'GATEWAY_STOPPED', ms: encrypted ? 0 : 79 })
      // Without the key the chain of what is hidden can be followed all the same.
      expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'recovered', hidden: encrypted ? 80 : 0 })
    },
  )

  it.each([false, true])(
    'a session that had ended on record in compact events ends once (encrypted: %s)',
    async (encrypted) => {
      const identity = await generateX25519Identity()
      turnsOf(twoSegments(7, true), encrypted ? await recordCipher([await identityToRecipient(identity)]) : undefined)
      await recover()
      const reader = recordReader([identity])
      expect(await verifyRecording(file(), keys, reader)).toMatchObject({
        status: 'recovered',
        tail: 'whole',
        events: 80,
      })
      expect((await eventsOf(file(), reader)).at(-1)).toMatchObject({ type: 'ended', code: 'CLIENT_LEFT' })
    },
  )

  it.each<[string, (turns: Taken[]) => Partial<Taken>[], number]>([
    ['one is missing', (turns) => turns.toSpliced(2, 1), 9],
    ['two are swapped', ([a, b, c, d, ...rest]) => [a, c, b, d, ...rest] as Taken[], 2],
    ['the beginning of a segment is missing', (turns) => turns.filter(({ first }) => first !== 40), 41],
    ['the first is missing', (turns) => turns.slice(1), 0],
    ['one follows the end of the session', ([a, b, ...rest]) => [a, { ...b, ends: true }, ...rest] as Taken[], 9],
    ['a segment begins within a turn that says otherwise', ([a, ...rest]) => [{ ...a, begins: false }, ...rest], 0],
  ])(
    'turns that do not follow from each other: %s, and what comes after it is left out and said',
    async (_what, change, events) => {
      turnsOf(change(twoSegments(7)))
      const { recordings } = await recover()
      if (events === 0) return expect(recordings).toMatchObject([{ type: 'damaged', reason: 'has no opening' }])
      const found = await verifyRecording(file(), keys)
      expect(found).toMatchObject({ tail: 'short', events })
    },
  )

  it('compact events that cannot be read are not taken for others', async () => {
    const [first, second] = twoSegments(7) as [Taken, Taken]
    turnsOf([first, { ...second, bytes: Buffer.concat([Buffer.from([0x7f]), second.bytes]) }])
    expect((await recover()).recordings).toMatchObject([{ type: 'damaged', reason: /unknown kind 127/ }])
    rmSync(left, { recursive: true })
    turnsOf([first, { ...second, events: second.events + 1 }])
    expect((await recover()).recordings).toMatchObject([{ type: 'damaged', reason: /other events than it says/ }])
  })

  /** A journal with these events of one session, as an older gateway leaves it. */
  async function journalOf(events: readonly RecordedEvent[], cipher?: RecordCipher): Promise<void> {
    const journal = new JournalFile(join(left, 'journal'), macKey, realDisk)
    const opening = { file: recorderOptions().file, wrappedKey: cipher?.wrappedKey }
    const entries: JournalEntry[] = [
      { session: 'ses_1', kind: entryKinds.opened, seq: 0, bytes: Buffer.from(JSON.stringify(opening)) },
    ]
    let hash = firstHash('ses_1')
    for (const event of events) {
      const payload = Buffer.from(JSON.stringify(event))
      hash = nextHash(hash, payload)
      const isEnd = event.type === 'ended'
      const kind = cipher === undefined ? entryKinds.event : isEnd ? entryKinds.hiddenEnd : entryKinds.hidden
      const bytes = Buffer.concat([hash, cipher === undefined ? payload : cipher.hide(event.seq, payload)])
      entries.push({ session: 'ses_1', kind, seq: event.seq, bytes })
    }
    journal.writeSync(journal.record(entries))
    journal.close()
  }
  const at = (seq: number) => ({ seq, at: '2026-01-01T00:00:00.000Z', ms: seq })
  const ended = { type: 'ended', code: 'CLIENT_LEFT', message: 'bye' } as const

  it.each([false, true])('a session that had ended on record ends once (encrypted: %s)', async (encrypted) => {
    const identity = await generateX25519Identity()
    const cipher = encrypted ? await recordCipher([await identityToRecipient(identity)]) : undefined
    await journalOf(
      [
        { ...at(0), ...opened() },
        { ...at(1), ...ended },
      ],
      cipher,
    )
    await recover()
    const reader = recordReader([identity])
    expect(await verifyRecording(file(), keys, reader)).toMatchObject({ status: 'recovered', tail: 'whole', events: 2 })
    expect((await eventsOf(file(), reader)).at(-1)).toMatchObject({ type: 'ended', code: 'CLIENT_LEFT' })
  })

  it('events that do not follow from each other are left out, and the end is said to be short', async () => {
    await journalOf([
      { ...at(0), ...opened() },
      { ...at(2), ...command('select 2') },
    ])
    await recover()
    expect(await status()).toEqual(['recovered', 'short', 2])
  })

  it('a journal that the disk lost the end of is told apart: short', async () => {
    await leave()
    const ends = recordEnds()
    truncateSync(journal(), ends.at(-2))
    const { journals } = await recover()
    expect(journals).toMatchObject([{ tail: 'short', reason: '1 records are missing at its end' }])
    expect((await status('ses_2')).slice(0, 2)).toEqual(['recovered', 'short'])
  })

  it('a record that was cut within, as by a power cut, is left out and said', async () => {
    await leave()
    truncateSync(journal(), statSync(journal()).size - 5)
    expect((await recover()).journals).toMatchObject([{ tail: 'short' }])
  })

  it('bytes that were never written (a power cut) are no alteration', async () => {
    await leave()
    appendFileSync(journal(), Buffer.alloc(100))
    expect((await recover()).journals).toMatchObject([{ tail: 'whole' }])
    expect(await status()).toEqual(['recovered', 'whole', 4])
  })
})

describe('somebody changes the tail before the gateway starts again', () => {
  const alter: [string, () => void][] = [
    [
      'an event changed',
      () => {
        const bytes = readFileSync(journal())
        bytes.write('select 9', bytes.lastIndexOf('select 2'))
        writeFileSync(journal(), bytes)
      },
    ],
    [
      'the last record cut off, and the head made to fit from what stands in the journal',
      () => {
        const ends = recordEnds()
        truncateSync(journal(), ends.at(-2))
        const head = readFileSync(headOf(journal()))
        head.writeUIntBE(ends.length - 1, 2, 6)
        writeFileSync(headOf(journal()), head)
      },
    ],
    [
      'a record added',
      () => {
        const bytes = readFileSync(journal())
        const ends = recordEnds()
        appendFileSync(journal(), bytes.subarray(ends.at(-2), ends.at(-1)))
      },
    ],
    ['two records swapped', () => swapLast()],
    ['the head removed', () => rmSync(headOf(journal()))],
    ['the head emptied', () => writeFileSync(headOf(journal()), Buffer.alloc(40))],
  ]
  function swapLast(): void {
    const bytes = readFileSync(journal())
    const [c, b, a] = recordEnds().toReversed() as [number, number, number]
    writeFileSync(journal(), Buffer.concat([bytes.subarray(0, a), bytes.subarray(b, c), bytes.subarray(a, b)]))
  }

  it.each(alter)('%s: altered, said in every record that it may concern, and kept', async (_what, change) => {
    await leave()
    change()
    const { journals } = await recover()
    expect(journals).toMatchObject([{ tail: 'altered' }])
    const result = await verifyRecording(file('ses_2'), keys)
    expect(result).toMatchObject({ status: 'recovered', tail: 'altered' })
    expect(JSON.stringify(await eventsOf(file('ses_2')))).not.toContain('select 9')
    expect(filesIn(directory, '').some((name) => name.includes('.journal.altered-'))).toBe(true)
  })

  it('the whole journal removed: the audit chain knows that there was one', async () => {
    await leave({ seal: true })
    const { files } = (await import('../../src/recording/read-journal.ts')).readJournals(join(left, 'journal'), macKey)
    const id = files[0]?.journal as string
    rmSync(join(left, 'journal'), { recursive: true })
    expect((await recover([id])).journals).toMatchObject([{ journal: id, tail: 'altered', reason: 'is gone' }])
    expect((await status()).slice(0, 2)).toEqual(['recovered', 'altered'])
  })

  it('a journal of another gateway is not believed', async () => {
    await leave()
    const { journals } = await recover([], { macKey: Buffer.alloc(32, 1) })
    expect(journals).toMatchObject([{ tail: 'altered' }])
  })

  it('a sealed segment changed: the file is left as it is', async () => {
    await leave({ seal: true })
    const bytes = readFileSync(file())
    bytes.write('ses_9', bytes.indexOf('ses_1'))
    writeFileSync(file(), bytes)
    expect((await recover()).recordings).toMatchObject([{ type: 'damaged', session: 'ses_1' }, { type: 'sealed' }])
    expect(readFileSync(file())).toEqual(bytes)
  })
})

describe('somebody cuts sealed segments off that no journal holds any more', () => {
  const STATEMENTS = ['select 1', 'delete from orders', 'insert into orders values (1)']

  /** What each session's file looked like after each of its segments, oldest first. */
  let copies: Record<string, Buffer[]>

  /**
   * Two sessions seal a segment per statement, then are quiet while the journal goes over to a new file several times; a third one
   * makes it do so.
   */
  async function leaveQuiet(recipients: readonly string[] = []): Promise<void> {
    chain['ses_3'] = { file: recorderOptions('ses_3').file }
    quiet.set(recipients.length, quiet.get(recipients.length) ?? makeQuiet(recipients))
    const made = await quiet.get(recipients.length)
    copies = made?.copies ?? {}
    cpSync(made?.directory ?? '', left, { recursive: true })
  }
  /** Made once: with and without recipients. */
  const quiet = new Map<number, ReturnType<typeof makeQuiet>>()
  afterAll(async () => {
    for (const made of quiet.values()) rmSync((await made).directory, { recursive: true })
  })

  async function makeQuiet(recipients: readonly string[]): Promise<{ directory: string; copies: typeof copies }> {
    const running = join(directory, 'running')
    const spool = openSpool(running, { rotateAt: 3000 })
    const segments: typeof copies = {}
    for (const session of ['ses_1', 'ses_2']) {
      const recorder = await spool.open(opened(session), { ...recorderOptions(session), recipients })
      const path = join(running, recorderOptions(session).file)
      for (const text of STATEMENTS) {
        recorder.intent(command(text))
        await written(recorder)
        await recorder.sealNow()
        segments[session] = [...(segments[session] ?? []), readFileSync(path)]
      }
    }
    const busy = await spool.open(opened('ses_3'), recorderOptions('ses_3'))
    const first = filesIn(running, '.journal')
    for (let round = 0; round < 3; round++) {
      const before = filesIn(running, '.journal').at(-1)
      await expect
        .poll(
          async () => {
            busy.intent(command('select 3'))
            await written(busy)
            return filesIn(running, '.journal').includes(before as string)
          },
          { interval: 1 },
        )
        .toBe(false)
    }
    expect(filesIn(running, '.journal').some((name) => first.includes(name))).toBe(false)
    const kept = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    cpSync(running, kept, { recursive: true })
    await spool.stop()
    return { directory: kept, copies: segments }
  }

  it('nothing cut: everything is there', async () => {
    await leaveQuiet()
    const { recordings } = await recover()
    expect(recordings.map((found) => [found.type, 'problem' in found])).toEqual(
      Array.from({ length: 3 }, () => ['sealed', false]),
    )
    expect(await status()).toEqual(['recovered', 'whole', 5])
  })

  it.each([1, 2])(
    'an older copy of the file, with %s of 3 segments: altered, named, and the journal is kept',
    async (n) => {
      await leaveQuiet()
      writeFileSync(file(), copies['ses_1']?.[n - 1] as Buffer)
      const { recordings } = await recover()
      const problem = `events ${n + 1} to 3 were sealed and are missing from the file`
      expect(recordings.find(({ file }) => file.includes('ses_1'))).toMatchObject({
        type: 'sealed',
        tail: 'altered',
        problem,
      })
      expect(await verifyRecording(file(), keys)).toMatchObject({ status: 'recovered', tail: 'altered' })
      // The others are not touched by it.
      expect(await status('ses_2')).toEqual(['recovered', 'whole', 5])
      expect(filesIn(directory, '').some((name) => name.includes('.journal.altered-'))).toBe(true)
      // A stop before the store knew: the next start says the same.
      expect((await recover()).recordings.find(({ file }) => file.includes('ses_1'))).toMatchObject({ tail: 'altered' })
    },
  )

  it.each<[string, () => void]>([
    ['cut within its last segment', () => truncateSync(file(), statSync(file()).size - 1)],
    ['cut within its first segment', () => truncateSync(file(), 100)],
    ['emptied', () => truncateSync(file(), 0)],
    ['deleted', () => rmSync(file())],
    ['cut to its first line', () => truncateSync(file(), 9)],
    ['replaced by the file of another session', () => cpSync(file('ses_2'), file())],
    ['with another name, the file gone', () => renameSync(file(), file('ses_9'))],
  ])('%s: never whole', async (_what, change) => {
    await leaveQuiet()
    change()
    const { recordings } = await recover()
    const found = recordings.find((one) => one.file.endsWith('ses_1.pamrec'))
    expect(found?.type === 'damaged' || (found?.type === 'sealed' && found.tail === 'altered')).toBe(true)
    if (existsSync(file())) expect((await status()).slice(0, 2)).not.toEqual(['recovered', 'whole'])
    expect(await status('ses_2')).toEqual(['recovered', 'whole', 5])
  })

  it('of an encrypted record, too', async () => {
    await leaveQuiet([await identityToRecipient(await generateX25519Identity())])
    writeFileSync(file(), copies['ses_1']?.[1] as Buffer)
    expect((await recover()).recordings.find(({ file }) => file.includes('ses_1'))).toMatchObject({ tail: 'altered' })
  })

  it('the journal made one of the version that did not say what is sealed: altered', async () => {
    await leaveQuiet()
    for (const name of filesIn(left, '.journal')) {
      const bytes = readFileSync(name)
      bytes.write('PAMJNL/1', 0)
      writeFileSync(name, bytes)
    }
    writeFileSync(file(), copies['ses_1']?.[1] as Buffer)
    const { journals } = await recover()
    expect(journals[0]).toMatchObject({ tail: 'altered', reason: 'begins as a journal of another version' })
    expect(await status()).toEqual(['recovered', 'altered', 4])
  })

  it('all journals removed that the chain has forgotten, too: an open record without an announcement is altered', async () => {
    await leaveQuiet()
    rmSync(join(left, 'journal'), { recursive: true })
    await recover()
    expect((await status()).slice(0, 2)).toEqual(['recovered', 'altered'])
  })

  it('a session that is over keeps its journal until the store has its digest', async () => {
    const running = join(directory, 'running')
    let noted = (): void => {}
    const onSealed = () => new Promise<void>((resolve) => (noted = resolve))
    const spool = openSpool(running, { rotateAt: 1, onSealed })
    const recorder = await spool.open(opened(), recorderOptions())
    recorder.intent(command('select 1'))
    await written(recorder)
    await recorder.sealNow()
    const after = readFileSync(join(running, recorderOptions().file))
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    cpSync(running, left, { recursive: true })
    noted()
    await spool.stop()
    // The end is sealed, and the store was not told before the stop.
    writeFileSync(file(), after)
    await recover()
    expect((await eventsOf(file())).at(-1)).toMatchObject({ type: 'ended', code: 'CLIENT_LEFT' })
    expect(filesIn(running, '.journal')).toEqual([])
  })
})

describe('a file laid into the spool of a stopped gateway', () => {
  const foreign = signerFromPem(generateSigningKeyPem())

  /** A record that somebody made with a gateway of their own. */
  async function forged(session: string, signer = foreign, close = true): Promise<Buffer> {
    const elsewhere = mkdtempSync(join(directory, 'elsewhere-'))
    const spool = openSpool(elsewhere, { signer })
    const recorder = await spool.open(opened(session), recorderOptions(session))
    recorder.intent(command('select forged'))
    await written(recorder)
    await recorder.sealNow()
    if (close) await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    const bytes = readFileSync(join(elsewhere, recorderOptions(session).file))
    await spool.stop()
    return bytes
  }
  const unsealed = async (session: string): Promise<Buffer> => {
    const json = (await forged(session)).toString('latin1')
    // The seal of a copy of an open session has no signature.
    const [, length, rest] = [0, json.slice(9, 13), json.slice(13)]
    const size = Buffer.from(length, 'latin1').readUInt32BE()
    const seal = JSON.parse(rest.slice(0, size)) as SegmentSeal
    const body = Buffer.from(rest.slice(size, size + seal.bytes), 'latin1')
    return Buffer.concat([
      Buffer.from(MAGIC),
      encodeSegment({ ...seal, status: 'unsealed', key: '', signature: '' }, body),
    ])
  }
  const lay = (name: string, bytes: Buffer): void => {
    mkdirSync(join(left, '2026-11'), { recursive: true })
    writeFileSync(join(left, '2026-11', `${name}.pamrec`), bytes)
  }
  const retired = signerFromPem(generateSigningKeyPem())
  const RETIRED = { key: createPublicKey(retired.publicKeyPem), until: Date.parse('2026-01-01T00:00:00.000Z') }

  it.each<[string, string, () => Promise<Buffer>, boolean]>([
    ['sealed with a foreign key, for a session of ours', 'ses_1', () => forged('ses_1'), false],
    ['not closed, with a foreign key', 'ses_1', () => forged('ses_1', foreign, false), false],
    ['with a key of ours that is retired, sealed today', 'ses_1', () => forged('ses_1', retired), false],
    ['without any signature', 'ses_1', () => unsealed('ses_1'), false],
    ['of another session, with our key', 'ses_1', () => forged('ses_2', signer), false],
    ['of a session that nobody opened, with our key', 'ses_9', () => forged('ses_9', signer), true],
    ['of a session that nobody opened, with a foreign key', 'ses_9', () => forged('ses_9'), true],
    ['a name that is no session', '../2026-11/x', () => forged('ses_9'), true],
    ['a second file of a session of ours, elsewhere', '../2026-10/ses_1', () => forged('ses_1', signer), true],
    ['bytes', 'ses_9', () => Promise.resolve(Buffer.from('anything')), true],
  ])('%s: damaged, left as it is, vouched for by nobody', async (_what, name, make, stray) => {
    mkdirSync(join(left, '2026-10'), { recursive: true })
    const bytes = await make()
    lay(name, bytes)
    const { recordings } = await recover([], { keys: [...keys, RETIRED] })
    expect(recordings).toMatchObject([{ type: 'damaged', stray }])
    expect(readFileSync(join(left, '2026-11', `${name}.pamrec`))).toEqual(bytes)
  })

  it('a record of which the chain has another digest is not what was sealed', async () => {
    chain['ses_1'] = { file: recorderOptions('ses_1').file, sha256: '0'.repeat(64) }
    lay('ses_1', await forged('ses_1', signer, false))
    expect((await recover()).recordings).toMatchObject([{ type: 'damaged', reason: 'is not what was sealed' }])
  })

  it('an open record that an earlier start found damaged is not closed by the next', async () => {
    chain['ses_1'] = { file: recorderOptions('ses_1').file, problem: 'is not what it was' }
    const bytes = await forged('ses_1', signer, false)
    lay('ses_1', bytes)
    expect((await recover()).recordings).toMatchObject([{ type: 'damaged', reason: 'is not what it was' }])
    expect(readFileSync(file())).toEqual(bytes)
  })
})

describe('what stands in the place of a file and is none', () => {
  const other = (): string => join(directory, 'other')
  const lay: [string, (path: string) => void][] = [
    ['a pipe', (path) => execFileSync('mkfifo', [path])],
    ['a directory', (path) => mkdirSync(path)],
    ['a link to another file', (path) => symlinkSync(other(), path)],
    ['a link to nothing', (path) => symlinkSync(join(directory, 'nothing'), path)],
  ]
  it.each(lay)('%s for an open record: damaged, and nothing is written through it', async (_what, put) => {
    await leave({ seal: true })
    renameSync(file(), other())
    const before = readFileSync(other())
    put(file())
    const { recordings } = await recover()
    expect(recordings).toMatchObject([{ type: 'damaged', reason: 'is not a regular file' }, { type: 'sealed' }])
    expect([readFileSync(other()), existsSync(join(directory, 'nothing'))]).toEqual([before, false])
  })

  it.each(lay)('%s for the detached texts', async (_what, put) => {
    await leave()
    writeFileSync(other(), '')
    mkdirSync(join(left, '2026-11'), { recursive: true })
    rmSync(file().replace('.pamrec', '.pamapart'), { force: true })
    put(file().replace('.pamrec', '.pamapart'))
    const { recordings } = await recover()
    expect(recordings[0]).toMatchObject({ type: 'damaged', reason: 'is not a regular file' })
    expect(readFileSync(other(), 'utf8')).toBe('')
  })

  it.each(lay)('%s for a journal: altered', async (_what, put) => {
    await leave({ seal: true })
    const path = journal()
    renameSync(path, other())
    put(path)
    const { journals } = await recover()
    expect(journals).toMatchObject([{ tail: 'altered', reason: 'is not a regular file' }])
  })
})

describe('a chain that says that a file is sealed which has no end', () => {
  it('a cut file with its own digest in the chain is damaged', async () => {
    await leave({ seal: true })
    const sha256 = await digestOfFile(file())
    chain = { ...chain, ses_1: { file: recorderOptions('ses_1').file, sha256 } }
    const { recordings } = await recover()
    expect(recordings[0]).toMatchObject({ type: 'damaged', reason: 'has no last segment' })
    expect(filesIn(left, '.journal')).toEqual([])
    expect(readdirSync(join(left, 'journal')).some((name) => name.includes('.altered-'))).toBe(true)
  })

  it('a closed file that ends before events of the journal is told of, in the chain or not', async () => {
    const running = join(directory, 'running')
    const spool = openSpool(running)
    const recorder = await spool.open(opened('ses_1'), recorderOptions('ses_1'))
    recorder.intent(command('select 1'))
    await written(recorder)
    cpSync(running, left, { recursive: true })
    const early = join(directory, 'early')
    cpSync(running, early, { recursive: true })
    recorder.intent(command('select 2'))
    recorder.intent(command('select 3'))
    await written(recorder)
    const late = join(directory, 'late')
    cpSync(running, late, { recursive: true })
    await spool.stop()
    // A genuine end, made from an older copy of the journal.
    await recover()
    const closed = readFileSync(file())
    for (const inChain of [false, true]) {
      rmSync(left, { recursive: true })
      cpSync(late, left, { recursive: true })
      mkdirSync(join(left, '2026-11'), { recursive: true })
      writeFileSync(file(), closed)
      const sha256 = inChain ? await digestOfFile(file()) : undefined
      chain = { ses_1: { file: recorderOptions('ses_1').file, sha256 } }
      const { recordings } = await recover()
      expect(recordings[0]).toMatchObject({
        type: inChain ? 'damaged' : 'sealed',
        [inChain ? 'reason' : 'problem']: 'ends before event 3, and the journal has events up to 3',
      })
    }
  })

  it('where the chain does not verify nothing is closed, and every file and journal is kept', async () => {
    await leave({ seal: true })
    const before = readFileSync(file())
    const { recordings } = await recover([], { isAltered: true, known: new Map() })
    expect(recordings.map(({ type }) => type)).toEqual(['damaged', 'damaged'])
    expect(readFileSync(file())).toEqual(before)
    expect(readdirSync(join(left, 'journal')).some((name) => name.includes('.altered-'))).toBe(true)
  })
})

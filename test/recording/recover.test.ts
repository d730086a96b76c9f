import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { recordCipher, recordReader, type RecordCipher } from '../../src/recording/encryption.ts'
import type { RecordedEvent } from '../../src/recording/event.ts'
import { firstHash, nextHash } from '../../src/recording/frame.ts'
import { headOf, JournalFile, realDisk } from '../../src/recording/journal-file.ts'
import { entryKinds, JOURNAL_MAGIC, type JournalEntry } from '../../src/recording/journal-format.ts'
import { recoverSpool, type Recovery } from '../../src/recording/recover.ts'
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
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function leave({ seal = false, recipients = [] as readonly string[] } = {}): Promise<void> {
  const running = join(directory, 'running')
  const spool = openSpool(running)
  for (const session of ['ses_1', 'ses_2']) {
    const recorder = await spool.open(opened(session), { ...recorderOptions(session), recipients })
    recorder.intent(command('select 1'))
    recorder.apart('not read')
    await written(recorder)
    if (seal) await recorder.sealNow()
    recorder.intent(command('select 2'))
    await written(recorder)
  }
  cpSync(running, left, { recursive: true })
  await spool.stop()
}

const recover = (expected: readonly string[] = []): Promise<Recovery> =>
  recoverSpool(left, { macKey, signer, expected })
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

  /** A journal with these events of one session, as a gateway leaves it. */
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
    const { journals } = await recoverSpool(left, { macKey: Buffer.alloc(32, 1), signer, expected: [] })
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

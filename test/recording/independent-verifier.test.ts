import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  AuditVerifier,
  signCheckpoint,
  type AuditCheckpoint,
  type AuditRecord,
} from '../../src/recording/audit-chain.ts'
import { encodeBlocks } from '../../src/recording/compact-format.ts'
import { readSegments, type Segment } from '../../src/recording/read.ts'
import { recoverSpool } from '../../src/recording/recover.ts'
import {
  generateSigningKeyPem,
  SEAL_PURPOSE,
  signerFromPem,
  signStatement,
  type SegmentSeal,
} from '../../src/recording/seal.ts'
import { encodeSegment, MAGIC, sha256 } from '../../src/recording/segment.ts'
import { parseTrustedKeys, verifyRecording, type Verification } from '../../src/recording/verify.ts'
import {
  byte,
  contentOf,
  fileOf,
  item,
  json,
  long,
  sealedWith,
  time,
  uint16,
  uint32,
  withBody,
} from '../helpers/compact-events.ts'
import { at, chainOf, first, foreign, HISTORY, rotation, second } from '../helpers/audit-chain.ts'
import { command, macKey, opened, openSpool, recorderOptions, signer, written } from '../helpers/recordings.ts'
import { hasProgram } from '../helpers/test-clients.ts'

const SAME = { kinds: ['select'], reads: ['public.t'], writes: [] as string[] }
const VERIFIER = join(import.meta.dirname, '..', 'fixtures', 'verifier.py')

/** A verifier that knows nothing but docs/recording-format.md says the same as ours, of what is genuine and of what is not. */
describe.skipIf(!hasProgram('python3'))('a verifier that was written from the page alone', () => {
  let directory: string
  let keyFile: string
  let genuine: Record<string, Buffer>
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    keyFile = join(directory, 'gateway.pub')
    const retired = signerFromPem(generateSigningKeyPem())
    writeFileSync(
      keyFile,
      `# key ${retired.keyId} from 2020-01-01T00:00:00.000Z until 2021-01-01T00:00:00.000Z\n${retired.publicKeyPem}` +
        `# key ${signer.keyId} from 2021-01-01T00:00:00.000Z\n${signer.publicKeyPem}`,
    )
    const recipients = [await identityToRecipient(await generateX25519Identity())]
    const running = join(directory, 'running')
    const spool = openSpool(running)
    const names = ['plain', 'encrypted', 'open', 'cut', 'hidden'] as const
    const recorders = new Map(
      await Promise.all(
        names.map(async (name) => {
          const session = `ses_${name}`
          const options = recorderOptions(session)
          const forWhom = name === 'encrypted' || name === 'hidden' ? recipients : []
          return [name, await spool.open(opened(session), { ...options, recipients: forWhom })] as const
        }),
      ),
    )
    for (const [, recorder] of recorders) {
      for (const text of ['select 1', "select 'ü ‹x› \u0001'"]) {
        for (let n = 0; n < 20; n++) {
          const id = `dec_${String(n).padStart(13, '0')}`
          const again = { ...command(text, id), ...SAME, digest: 'ab'.repeat(32), parameters: ['42', null, 'ü'] }
          recorder.intent(again)
          recorder.outcome({ type: 'result', command: id, tag: 'SELECT 1', rows: 1, bytes: 30, durationMs: 1 })
        }
        recorder.intent(command(`${text} \ud83d`))
        recorder.outcome({ type: 'terminal', channel: 'c', direction: 'out' }, Buffer.from('\nbytes\u0000'))
        await written(recorder)
        await recorder.sealNow()
      }
      recorder.intent(command('select 3'))
      await written(recorder)
    }
    const pathOf = (root: string, name: string): string => join(root, recorderOptions(`ses_${name}`).file)
    const left = join(directory, 'left')
    cpSync(running, left, { recursive: true })
    const open = readFileSync(pathOf(running, 'open'))
    for (const name of ['plain', 'encrypted'] as const) {
      const recorder = recorders.get(name)
      if (recorder !== undefined) await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    }
    const sealed = ['plain', 'encrypted'].map((name) => readFileSync(pathOf(running, name))) as [Buffer, Buffer]
    await spool.stop()
    const known = new Map(
      ['ses_cut', 'ses_open', 'ses_hidden'].map((session) => [session, { file: recorderOptions(session).file }]),
    )
    const ends: number[] = []
    for await (const { end } of readSegments(pathOf(left, 'cut'))) ends.push(end)
    // Events that are sealed and in the journal: the file alone is older.
    writeFileSync(pathOf(left, 'cut'), readFileSync(pathOf(left, 'cut')).subarray(0, ends[0]))
    await recoverSpool(left, {
      macKey,
      signer,
      keys: parseTrustedKeys(readFileSync(keyFile, 'utf8')),
      expected: [],
      known,
    })
    genuine = {
      sealed: sealed[0],
      encrypted: sealed[1],
      open,
      recovered: readFileSync(pathOf(left, 'open')),
      restored: readFileSync(pathOf(left, 'cut')),
      hidden: readFileSync(pathOf(left, 'hidden')),
    }
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  const run = (...args: readonly string[]): { code: number | null; lines: string[] } => {
    const { status, stdout, stderr } = spawnSync('python3', [VERIFIER, ...args], { encoding: 'utf8' })
    expect(stderr).toBe('')
    return { code: status, lines: stdout.trimEnd().split('\n') }
  }
  /** Both verdicts on files, in one word each. */
  async function compare(files: Readonly<Record<string, Buffer>>): Promise<[string, string, string][]> {
    const where = mkdtempSync(join(directory, 'files-'))
    const paths = Object.entries(files).map(([name, bytes], index) => {
      const path = join(where, String(index), 'record.pamrec')
      mkdirSync(join(where, String(index)))
      writeFileSync(path, bytes)
      return [name, path] as const
    })
    const { lines } = run('record', keyFile, ...paths.map(([, path]) => path))
    const keys = parseTrustedKeys(readFileSync(keyFile, 'utf8'))
    return Promise.all(
      paths.map(async ([name, path], index) => {
        const theirs = /: (INVALID|open|sealed|recovered \w+)/.exec(lines[index] ?? '')?.[1] ?? ''
        return [name, wordOf(await verifyRecording(path, keys)), theirs] as [string, string, string]
      }),
    )
  }
  async function segments(bytes: Buffer): Promise<Segment[]> {
    async function* once(): AsyncGenerator<Buffer> {
      yield bytes
    }
    const found: Segment[] = []
    for await (const segment of readSegments(once())) found.push(segment)
    return found
  }
  function wordOf(result: Verification): string {
    if (result.status === 'invalid') return 'INVALID'
    return result.status === 'recovered' ? `recovered ${result.tail}` : result.status
  }

  it('finds what the gateway writes genuine, and reads its end', async () => {
    expect(await compare(genuine)).toEqual([
      ['sealed', 'sealed', 'sealed'],
      ['encrypted', 'sealed', 'sealed'],
      ['open', 'open', 'open'],
      ['recovered', 'recovered whole', 'recovered whole'],
      ['restored', 'recovered whole', 'recovered whole'],
      ['hidden', 'recovered whole', 'recovered whole'],
    ])
  })

  it('reads records of version 2 as ours does', async () => {
    const older = join(import.meta.dirname, '..', 'fixtures', 'recordings', 'pamrec-2')
    for (const name of ['sealed', 'encrypted', 'recovered', 'hidden', 'open']) {
      const file = join(older, `${name}.pamrec`)
      const ours = wordOf(
        await verifyRecording(file, parseTrustedKeys(readFileSync(join(older, 'gateway.pub'), 'utf8'))),
      )
      expect([name, run('record', join(older, 'gateway.pub'), file).lines]).toEqual([name, [`${file}: ${ours}`]])
      expect(ours).not.toBe('INVALID')
    }
  })

  it('refuses the same items as ours, sealed with the key of the gateway', async () => {
    const bytes = genuine['sealed'] as Buffer
    const size = bytes.readUInt32BE(MAGIC.length)
    const seal = JSON.parse(bytes.toString('utf8', MAGIC.length + 4, MAGIC.length + 4 + size)) as SegmentSeal
    const made = async (events: number, ...items: Buffer[]): Promise<Buffer> =>
      fileOf([
        await sealedWith({ seal: { ...seal, status: 'more' } }, [{ events, bytes: Buffer.concat(items) }], signer),
      ])
    const template = { verdict: 'allow', text: 'select 1', kinds: ['select'], reads: [], writes: [] }
    const said = (value: object): Buffer => item(byte(0x02), long(JSON.stringify(value)))
    const use = (number: number, id = '0000000000001', ...values: Buffer[]): Buffer =>
      item(byte(0x12), uint32(0), uint16(number), id, Buffer.alloc(32), uint16(values.length), ...values)
    const resultOf = (back: number, tag = item(byte(0xff))): Buffer =>
      item(byte(0x13), uint32(0), uint32(back), uint32(0), uint32(0), uint32(0), tag, byte(0xff))
    const opening = json({ ...opened(seal.session) })
    const start = [time(), opening, said(template)]
    expect(
      await compare({ genuine: await made(3, ...start, use(0, '0000000000001', long('ü')), resultOf(1)) }),
    ).toEqual([['genuine', 'open', 'open']])
    const cases: Record<string, Buffer> = {
      'a template that was not said': await made(2, ...start, use(1)),
      'a template behind its command': await made(2, time(), opening, use(0), said(template)),
      'a template with an id': await made(2, ...start, said({ ...template, id: 'dec_1' }), use(1)),
      'a template that lacks a list': await made(2, time(), opening, said({ ...template, reads: undefined }), use(0)),
      'a template with another order': await made(
        2,
        time(),
        opening,
        said(Object.fromEntries(Object.entries(template).toReversed())),
        use(0),
      ),
      'a template with no verdict': await made(2, time(), opening, said({ ...template, verdict: 'fine' }), use(0)),
      'an id of other letters': await made(2, ...start, use(0, 'ILOU000000000')),
      'a value that is no UTF-8': await made(
        2,
        ...start,
        use(0, '0000000000001', item(uint32(1), Buffer.from([0xff]))),
      ),
      'a value behind the end': await made(2, ...start, use(0, '0000000000001', item(uint32(5), 'x'))),
      'an unknown item': await made(2, ...start, item(byte(0x14), uint32(0))),
      'no time': await made(1, opening),
      'a time behind the last': await made(1, time(2 ** 48 - 1), opening),
      'a result of no command': await made(2, time(), opening, resultOf(1)),
      'a result of itself': await made(3, ...start, use(0), resultOf(0)),
      'two results': await made(4, ...start, use(0), resultOf(1), resultOf(2)),
      'a tag that is not ASCII': await made(3, ...start, use(0), resultOf(1, item(byte(1), byte(0x80)))),
      'an event of an unknown type': await made(2, time(), opening, json({ type: 'note' })),
      'an event with a number': await made(2, time(), opening, json({ type: 'notice', seq: 1 })),
      'a terminal without bytes': await made(2, time(), opening, json({ type: 'terminal', channel: 'c' })),
      'bytes of a notice': await made(
        2,
        time(),
        opening,
        item(byte(0x11), uint32(0), long('{"type":"notice"}'), uint32(0)),
      ),
      'white space': await made(2, time(), opening, item(byte(0x10), uint32(0), long('{"type": "notice"}'))),
      'a field twice': await made(
        2,
        time(),
        opening,
        item(byte(0x10), uint32(0), long('{"type":"ended","type":"notice"}')),
      ),
      'a list': await made(2, time(), opening, item(byte(0x10), uint32(0), long('[]'))),
      'a command without an id': await made(2, time(), opening, json({ type: 'command' })),
      'more events than are said': await made(1, ...start, use(0)),
      'fewer events than are said': await made(3, ...start, use(0)),
      'a block of seventeen': await made(
        17,
        time(),
        opening,
        ...Array.from({ length: 16 }, () => json({ type: 'notice' })),
      ),
      'an item that no event follows': await made(1, time(), opening, said(template)),
      'an opening of version 2': await made(1, time(), json({ ...opened(seal.session), version: 2 })),
      'no opening': await made(1, time(), json({ type: 'notice', message: '' })),
      'an opening of another session': await made(1, time(), json({ ...opened('ses_other') })),
      'two openings': await made(2, time(), opening, opening),
      'an event behind the end': await made(3, time(), opening, json({ type: 'ended' }), json({ type: 'notice' })),
    }
    for (const [name, ours, theirs] of await compare(cases))
      expect([name, ours, theirs]).toEqual([name, 'INVALID', 'INVALID'])
  })

  it('names the block that does not hold', async () => {
    const [first] = await segments(genuine['sealed'] as Buffer)
    const { blocks } = await contentOf(first as Segment)
    const { seal } = first as Segment
    const { bytes } = encodeBlocks(Buffer.from(seal.previous, 'hex'), blocks)
    const second = encodeBlocks(Buffer.from(seal.previous, 'hex'), blocks.slice(0, 1)).bytes.length
    bytes.write('43', bytes.indexOf('42', second))
    const path = join(directory, 'changed.pamrec')
    writeFileSync(path, fileOf([await withBody(seal, bytes, {}, signer)]))
    expect(run('record', keyFile, path).lines[0]).toContain('has events 16 to 31 that do not follow')
    expect(await verifyRecording(path, parseTrustedKeys(readFileSync(keyFile, 'utf8')))).toMatchObject({
      event: 16,
      lastEvent: 31,
    })
  })

  it('a record under the name of another session is not that session’s', () => {
    const named = join(directory, 'ses_0000000000000.pamrec')
    writeFileSync(named, genuine['sealed'] as Buffer)
    expect(run('record', keyFile, named)).toMatchObject({ code: 1, lines: [expect.stringContaining('named after')] })
  })

  it('refuses what is changed, cut, or spelled otherwise, as ours does', async () => {
    const bytes = genuine['sealed'] as Buffer
    const size = bytes.readUInt32BE(MAGIC.length)
    const start = MAGIC.length + 4
    const json = bytes.toString('utf8', start, start + size)
    const seal = JSON.parse(json) as SegmentSeal
    const body = bytes.subarray(start + size, start + size + seal.bytes)
    const rest = bytes.subarray(start + size)
    const withSeal = (text: string): Buffer => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(Buffer.byteLength(text))
      return Buffer.concat([Buffer.from(MAGIC), length, Buffer.from(text), rest])
    }
    const resealed = (content: object, newBody = body, by = signer): Buffer => {
      const { key: _key, signature: _signature, ...old } = seal
      const made = signStatement(
        SEAL_PURPOSE,
        { ...old, bytes: newBody.length, sha256: sha256(newBody), ...content },
        by,
      )
      return Buffer.concat([Buffer.from(MAGIC), encodeSegment(made, newBody)])
    }
    const unsigned = { ...seal, status: 'unsealed', key: '', signature: '' }
    const cases: Record<string, Buffer> = {
      'white space in a seal': withSeal(json.replace(',', ', ')),
      'a field twice': withSeal(json.replace('{', '{"session":"ses_other",')),
      'a field twice, the same': withSeal(json.replace('{', `{"session":"${seal.session}",`)),
      'fields in another order': withSeal(JSON.stringify(Object.fromEntries(Object.entries(seal).toReversed()))),
      'a field more': withSeal(json.replace('{', '{"note":"checked",')),
      'a field less': withSeal(json.replace(/,"at":"[^"]*"/, '')),
      'an escape that is not needed': withSeal(json.replace('ses_', '\\u0073es_')),
      'a number spelled otherwise': withSeal(json.replace('"segment":0', '"segment":0.0')),
      'another spelling of the time': resealed({ at: seal.at.replace(/\.\d+Z/, 'Z') }),
      'padding behind the signature': withSeal(json.replace(/"}$/, '=="}')),
      'an unknown key': resealed({}, body, foreign),
      'before the key': resealed({ at: '2020-12-31T23:59:59.999Z' }),
      'no signature, and a body of the sealed kind': withSeal(JSON.stringify(unsigned)),
      'a tail where none is': resealed({ tail: 'whole' }),
      'recovered, without a tail': resealed({ status: 'recovered' }),
      'an unknown status': resealed({ status: 'fine' }),
      'an unknown encoding': resealed({ encoding: 'zip' }),
      'an encoding of version 2': resealed({ encoding: 'gzip' }),
      'bytes behind the gzip member': resealed({}, Buffer.concat([body, Buffer.from('more')])),
      'two gzip members': resealed({}, Buffer.concat([body, body])),
      'bytes behind the last segment': Buffer.concat([bytes, Buffer.from([0])]),
      'another magic': Buffer.concat([Buffer.from('pamrec/1\n'), bytes.subarray(MAGIC.length)]),
    }
    for (let n = 0; n < 60; n++) {
      const offset = Math.floor((bytes.length * n) / 60)
      const flipped = Buffer.from(bytes)
      flipped[offset] = (flipped[offset] as number) ^ (1 << (n % 8))
      cases[`bit ${n} changed`] = flipped
      if (n > 0) cases[`cut ${n}`] = bytes.subarray(0, offset)
    }
    for (const [name, ours, theirs] of await compare(cases)) {
      expect([name, theirs]).toEqual([name, ours])
      expect([name, ours === 'INVALID' || (name.startsWith('cut') && ours === 'open')]).toEqual([name, true])
    }
    // Still genuine: the bounds of a key belong to its time.
    expect(await compare({ bound: resealed({ at: '2021-01-01T00:00:00.000Z', status: 'more' }) })).toEqual([
      ['bound', 'open', 'open'],
    ])
  })

  it('reads the audit chain, its keys and checkpoints as ours does', () => {
    const chainKeys = join(directory, 'chain.pub')
    const line = (key: typeof first, from: number, until?: number): string =>
      `# key ${key.keyId} from ${at(from).toISOString()}${until === undefined ? '' : ` until ${at(until).toISOString()}`}\n${key.publicKeyPem}`
    writeFileSync(chainKeys, line(first, 0, 10) + line(second, 10))
    const keys = parseTrustedKeys(readFileSync(chainKeys, 'utf8'))
    const chain = chainOf(
      HISTORY.map((step) => ({
        ...step,
        data: step.data ?? { text: 'ü "x" \u0001', list: [1, null, { b: 1, a: 2 }] },
      })),
    )
    const [entry] = chain as [AuditRecord]
    const checkpoint = (seq: number, when: number, by = second, hash = chain[seq - 1]?.hash ?? ''): AuditCheckpoint =>
      signCheckpoint({ seq, hash }, at(when), by)
    const cases: [string, readonly AuditRecord[], readonly AuditCheckpoint[], string][] = [
      ['genuine', chain, [checkpoint(1, 1, first), checkpoint(4, 10.5), checkpoint(6, 12)], 'valid'],
      ['an entry changed', chain.with(1, { ...(chain[1] as AuditRecord), actor: 'mallory' }), [], 'INVALID: 2'],
      ['an entry gone', chain.toSpliced(1, 1), [], 'INVALID: 2'],
      ['a field more', chain.with(0, { ...entry, note: '' } as AuditRecord), [], 'INVALID: 1'],
      ['a time spelled otherwise', chain.with(0, { ...entry, at: '2026-01-01T00:00:01Z' }), [], 'INVALID: 1'],
      ['cut to an entry without a signature', chain.slice(0, 2), [], 'INVALID: 2'],
      [
        'the gateway found it altered',
        chainOf([...HISTORY, { at: 13, type: 'audit.altered', signer: second }]),
        [],
        'INVALID: 7',
      ],
      ['the retired key signs', chainOf([...HISTORY, { at: 13, signer: first }]), [], 'INVALID: 7'],
      ['the new key signs too soon', chainOf([HISTORY[0] as never, { at: 11, signer: second }]), [], 'INVALID: 2'],
      ['an unknown key signs', chainOf([{ at: 1, signer: foreign }]), [], 'INVALID: 1'],
      [
        'an unknown key is put in use',
        chainOf([...HISTORY.slice(0, 3), rotation(10.5, first, foreign)]),
        [],
        'INVALID: 4',
      ],
      [
        'two checkpoints of one length',
        chain,
        [checkpoint(6, 12), checkpoint(6, 13, second, 'b'.repeat(64))],
        'CONTRADICTION: 6',
      ],
      ['a checkpoint of another chain', chain, [checkpoint(6, 12, second, 'b'.repeat(64))], 'INVALID: 6'],
      ['a checkpoint beyond the end', chain, [checkpoint(7, 12, second, 'b'.repeat(64))], 'INVALID: 6'],
      ['a checkpoint of the retired key', chain, [checkpoint(6, 9, first)], 'CHECKPOINT INVALID: 6'],
      ['a checkpoint that goes back', chain, [checkpoint(6, 12), checkpoint(5, 13)], 'CHECKPOINT INVALID: 5'],
    ]
    for (const [name, records, checkpoints, verdict] of cases) {
      const [file, kept] = [join(directory, 'audit.jsonl'), join(directory, 'checkpoints.jsonl')]
      for (const [path, lines] of [
        [file, records],
        [kept, checkpoints],
      ] as const)
        writeFileSync(path, lines.map((one) => `${JSON.stringify(one)}\n`).join(''))
      const theirs = run('audit', chainKeys, file, kept)
      const ours = new AuditVerifier(keys, checkpoints)
      for (const record of records) ours.check(record)
      const result = ours.result()
      expect([name, theirs.lines[0]]).toEqual([name, expect.stringContaining(verdict)])
      expect([name, result.status, theirs.code]).toEqual([
        name,
        verdict === 'valid' ? 'valid' : 'invalid',
        verdict === 'valid' ? 0 : 1,
      ])
      if (result.status === 'invalid' && verdict.startsWith('CONTRADICTION')) expect(result.kind).toBe('contradiction')
    }
    writeFileSync(join(directory, 'twice.jsonl'), `${JSON.stringify(entry).replace('{', '{"actor":"mallory",')}\n`)
    expect(run('audit', chainKeys, join(directory, 'twice.jsonl')).code).toBe(1)
  })
})

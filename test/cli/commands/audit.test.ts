import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audit } from '../../../src/cli/commands/audit.ts'
import { signCheckpoint, type AuditRecord } from '../../../src/recording/audit-chain.ts'
import { chainOf, first, type Step } from '../../helpers/audit-chain.ts'
import { runVerb, type VerbOutcome } from '../../helpers/verb.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  writeFileSync(join(directory, 'gateway.pub'), first.publicKeyPem)
})
afterAll(() => rmSync(directory, { recursive: true }))

const about = (type: string, session: string, data: AuditRecord['data'] = {}): Step => ({
  at: 1,
  type,
  subject: session,
  data,
  signer: first,
})
const lines = (values: readonly object[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('')
function verifying(file: string, text: string, ...args: string[]): Promise<VerbOutcome> {
  const path = join(directory, file)
  writeFileSync(path, text)
  const key = join(directory, 'gateway.pub')
  return runVerb([audit], ['audit', 'verify', '--key', key, '--file', path, ...args])
}

describe('pamctl audit', () => {
  const chain = chainOf([about('session.opened', 'ses_1', { target: 'db' }), about('session.ended', 'ses_1')])
  const gateway = {
    'GET /v1/audit?after=0&limit=1000': { items: chain.slice(0, 1), next: 1 },
    'GET /v1/audit?after=1&limit=1000': { items: chain.slice(1) },
  }
  it('prints the newest entries in sentences, with names, in the order of the chain', async () => {
    const newest = {
      'GET /v1/audit?limit=2&order=newest': {
        items: chain.toReversed(),
        people: {},
        subjects: { ses_1: { person: 'jane@example.com', target: 'db' } },
        next: 1,
      },
    }
    const { stdout, stderr } = await runVerb([audit], ['audit', '--limit', '2'], { gateway: newest })
    expect(stdout).toBe(
      '1\t2026-01-01T00:00:01.000Z\tsession.opened\tThe gateway connected to db\n' +
        '2\t2026-01-01T00:00:01.000Z\tsession.ended\tThe session of jane@example.com on db ended after 0 commands\n',
    )
    expect(stderr).toBe('only the newest 2 are shown; --limit gives more\n')
  })

  it('fetches more pages up to the limit, also for JSON', async () => {
    const pages = {
      'GET /v1/audit?limit=1000&order=newest': { items: chain.slice(1), people: {}, subjects: {}, next: 2 },
      'GET /v1/audit?limit=999&order=newest&before=2': { items: chain.slice(0, 1), people: {}, subjects: {} },
      'GET /v1/audit?limit=999&before=2&order=newest': { items: chain.slice(0, 1), people: {}, subjects: {} },
    }
    const { stdout, calls } = await runVerb([audit], ['audit', '--limit', '1000', '--json'], { gateway: pages })
    expect([JSON.parse(stdout), calls.length]).toEqual([chain, 2])
    expect(await runVerb([audit], ['audit', '--limit', '0'])).toMatchObject({ code: 2, calls: [] })
  })

  it('prints the whole chain as JSON', async () => {
    expect(JSON.parse((await runVerb([audit], ['audit', '--json'], { gateway })).stdout)).toEqual(chain)
  })

  it('prints one line for each entry in the formats for other programs', async () => {
    const json = await runVerb([audit], ['audit', '--format', 'json'], { gateway })
    expect(json.stdout).toBe(lines(chain))
    const ocsf = await runVerb([audit], ['audit', '--format', 'ocsf'], { gateway })
    expect(
      ocsf.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([{ metadata: expect.anything() as unknown }, { metadata: expect.anything() as unknown }])
  })

  it('fetches less on request', async () => {
    const args = ['audit', '--person', 'jane', '--target', 'db', '--type', 'session']
    const { calls } = await runVerb([audit], args, {
      gateway: { 'GET /v1/audit': { items: [], people: {}, subjects: {} } },
    })
    expect(calls[0]).toEqual({ call: 'GET /v1/audit?user=jane&target=db&type=session&limit=50&order=newest' })
    const nobody = { items: [], people: {}, subjects: {}, unknownUser: true }
    for (const more of [[], ['--json']])
      expect(
        await runVerb([audit], ['audit', '--person', 'nobody', ...more], { gateway: { 'GET /v1/audit': nobody } }),
      ).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('nobody called "nobody" has ever signed in') as string,
      })
    expect(await runVerb([audit], ['audit', '--format', 'xml'])).toMatchObject({ code: 2, calls: [] })
  })
})

describe('pamctl audit verify', () => {
  const OPENED = about('session.opened', 'ses_1', { recording: 'x/ses_1.pamrec' })
  const SEALED = about('recording.sealed', 'ses_1', { sha256: 'a'.repeat(64), bytes: 1 })
  const WHOLE = lines(chainOf([OPENED, about('session.ended', 'ses_1'), SEALED]))

  it('says that a chain is whole, and what that does not prove', async () => {
    expect(await verifying('whole', WHOLE)).toMatchObject({
      code: 0,
      calls: [],
      stdout:
        'valid: 3 entries, 0 checkpoints valid\nonly an externally stored --checkpoint can show that the chain was not truncated or replaced\n',
    })
  })

  it('names the lines of a file of checkpoints that are none, and believes the others', async () => {
    const { seq, hash } = chainOf([OPENED, about('session.ended', 'ses_1'), SEALED])[2] as AuditRecord
    const kept = JSON.stringify(signCheckpoint({ seq, hash }, new Date(2000), first))
    const file = join(directory, 'checkpoints')
    writeFileSync(file, `${kept.slice(0, 40)}\n${kept}\n\nnull\n[]\n`)
    const { code, stdout } = await verifying('whole', WHOLE, '--checkpoint', file)
    expect(code).toBe(1)
    expect(stdout).toBe(
      [1, 4, 5].map((line) => `CHECKPOINT INVALID: line ${line} of ${file} is not a checkpoint\n`).join('') +
        '3 problems with what the chain says; the chain itself: 3 entries, 1 checkpoint valid\n',
    )
    // The chain was cut after it was made: what is left of the file says so.
    const cut = await verifying('cut', lines(chainOf([OPENED])), '--checkpoint', file)
    expect(cut.stdout).toContain('INVALID: entry 2 is missing: a checkpoint of')
  })

  it.each<[string, string, RegExp]>([
    ['an entry was changed', WHOLE.replace('session.ended', 'session.endex'), /^INVALID: entry 2 /],
    ['an entry is missing', lines(chainOf([OPENED, OPENED, SEALED]).toSpliced(1, 1)), /^INVALID: entry \d /],
  ])('%s', async (_, text, said) => {
    const { code, stdout } = await verifying('bad', text)
    expect(code).toBe(1)
    expect(stdout).toMatch(said)
  })

  it.each<[string, readonly Step[], string | undefined, number, string]>([
    ['a record that is open', [OPENED], undefined, 9, 'ses_1: OPEN: '],
    ['a record that is not there', [OPENED, SEALED], undefined, 1, 'ses_1: MISSING: '],
    ['one that is another', [OPENED, SEALED], 'ses_1.pamrec', 1, 'ses_1: CHANGED: '],
    ['one that was never sealed', [OPENED], 'ses_1.pamrec', 1, 'ses_1: UNSEALED: '],
    ['one that the chain does not know', [], 'ses_9.pamrec', 1, 'ses_9: UNKNOWN: '],
  ])('%s', async (_, steps, file, code, said) => {
    const copies = join(directory, 'copies')
    rmSync(copies, { recursive: true, force: true })
    mkdirSync(copies)
    if (file !== undefined) writeFileSync(join(copies, file), 'x')
    const outcome = await verifying('chain', lines(chainOf([about('x', 's'), ...steps])), '--recordings', copies)
    expect(outcome.stdout).toContain(said)
    // What is wrong is said first, and then never that all is well.
    expect(outcome.stdout).toMatch(/\n1 problem with what the chain says; the chain itself: \d+ entr(y|ies), /)
    expect(outcome.code).toBe(code)
  })

  it.each([
    ['a line that is no JSON', '{"seq":1\n', 'line 1 is not JSON\n'],
    ['a number that JSON cannot hold', '{"seq":1e999}\n', 'line 1 is not JSON as the gateway writes it\n'],
  ])('%s is wrong usage', async (_, text, message) => {
    const { code, stderr } = await verifying('odd', text)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain('hint: expected one JSON object per line, unchanged')
  })

  it('needs an existing directory of recordings', async () => {
    const { code, stderr } = await verifying('chain', WHOLE, '--recordings', join(directory, 'missing'))
    expect(code).toBe(2)
    expect(stderr).toContain('does not exist')
  })
})

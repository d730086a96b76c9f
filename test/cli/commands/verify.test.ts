import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeVerification, verify } from '../../../src/cli/commands/verify.ts'
import { recordFile } from '../../helpers/record-files.ts'
import { runVerb } from '../../helpers/verb.ts'

let directory: string
let record: string
const key = (): string => join(directory, 'gateway.pub')
const placed = (name: string, bytes: Buffer): string => {
  const file = join(directory, name)
  writeFileSync(file, bytes)
  return file
}
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  record = await recordFile(directory, 'ses_1', ['select 1', 'select 2'])
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('pamctl verify', () => {
  it.each<[string, () => string, number, RegExp]>([
    ['what was sealed', () => record, 0, /: valid: ses_1, 4 events, sealed .* with key /],
    [
      'a copy with more in its name',
      () => placed('old-ses_1 (copy).pamrec', readFileSync(record)),
      0,
      /: valid: ses_1/,
    ],
    [
      'a record under the name of another session',
      () => placed('ses_2.pamrec', readFileSync(record)),
      1,
      /: INVALID: segment 0 is of session ses_1, but the file is named after ses_2$/m,
    ],
    ['one that is cut off', () => placed('cut', readFileSync(record).subarray(0, -1)), 1, /: INVALID: /],
    ['something else', () => placed('other', Buffer.from('hello')), 1, /: INVALID: segment 0 /],
  ])('%s', async (_, file, code, said) => {
    const outcome = await runVerb([verify], ['verify', file(), '--key', key()])
    expect(outcome).toMatchObject({ code, stderr: '', calls: [] })
    expect(outcome.stdout).toMatch(said)
  })

  it('checks all files, and exits with the worst result', async () => {
    const other = placed('bad', Buffer.from('x'))
    const { stdout, code } = await runVerb([verify], ['verify', other, record, '--key', key(), '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject([
      { file: other, status: 'invalid' },
      { file: record, status: 'sealed', session: 'ses_1' },
    ])
  })

  it('asks the gateway for an id that is not a file', async () => {
    const answer = (): string => readFileSync(record, 'latin1')
    const { calls } = await runVerb([verify], ['verify', 'ses_1', '--key', key()], {
      gateway: { 'GET /v1/sessions/ses_1/recording?purpose=verified': answer },
    })
    expect(calls).toHaveLength(1)
  })

  it.each([
    ['no file of keys', () => [record, '--key', join(directory, 'missing')], '--key: '],
    ['a file without keys', () => [record, '--key', placed('empty', Buffer.alloc(0))], '--key: '],
    ['no identities', () => [record, '--key', key(), '--identity', placed('none', Buffer.alloc(0))], '--identity: '],
    ['no key', () => [record], "required option '--key <file>'"],
    ['no file', () => [join(directory, 'missing'), '--key', key()], 'no session and no file is called'],
  ])('%s is wrong usage', async (_, args, message) => {
    const outcome = await runVerb([verify], ['verify', ...args()])
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(outcome.stderr).toContain(message)
  })

  it('checks an existing file locally, whatever its name', async () => {
    const before = process.cwd()
    const elsewhere = mkdtempSync(join(directory, 'elsewhere-'))
    process.chdir(elsewhere)
    try {
      copyFileSync(record, 'ses_1')
      expect(await runVerb([verify], ['verify', 'ses_1', '--key', key()])).toMatchObject({ code: 0, calls: [] })
    } finally {
      process.chdir(before)
    }
  })

  it.each([
    [{ status: 'open', session: 'ses_1', events: 2 }, /^not sealed: ses_1, 2 events; /],
    [{ status: 'recovered', session: 's', events: 1, tail: 'whole' }, /^recovered: .*with everything/],
    [{ status: 'recovered', session: 's', events: 1, tail: 'altered' }, /ALTERED/],
    [{ status: 'recovered', session: 's', events: 1, tail: 'short' }, /missing at its end/],
    [{ status: 'sealed', session: 's', events: 9, at: 'T', key: 'k', hidden: 3 }, /; 3 of them are encrypted/],
    [{ status: 'invalid', segment: 2, event: 5, reason: 'is not' }, /^INVALID: segment 2, event 5, is not$/],
  ])('describes %j', (result, said) => {
    expect(describeVerification(result as unknown as Parameters<typeof describeVerification>[0])).toMatch(said)
  })
})

import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { replay } from '../../../src/cli/commands/replay.ts'
import { command } from '../../helpers/recordings.ts'
import { recordFile } from '../../helpers/record-files.ts'
import { runVerb } from '../../helpers/verb.ts'

let directory: string
let record: string
const SALT = Buffer.alloc(16, 7)
const NOT_RECORDED = '(the stored text cannot be used: it does not match the recorded digest)'
const ORIGINAL = 'delete\u001b[2J'
const sha256 = createHash('sha256').update(SALT).update(ORIGINAL).digest('hex')
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  record = await recordFile(
    directory,
    'ses_1',
    ['select 1'],
    [
      { ...command('(detached)', 'dec_2'), apart: { id: 'txt_1', sha256 } },
      { type: 'terminal', channel: '0', direction: 'in' },
    ],
  )
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('pamctl replay', () => {
  it('shows what happened', async () => {
    const { stdout, code } = await runVerb([replay], ['replay', record])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /ses_1 {2}jane on prod as app\n.*\n.*s {2}select 1\n.*\(detached\)\n.*ended: bye \(CLIENT_LEFT\)\n$/,
    )
  })

  it('prints one event per line in JSON', async () => {
    const { stdout } = await runVerb([replay], ['replay', record, '--json'])
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string })
    expect(events.map(({ type }) => type)).toEqual(['opened', 'command', 'command', 'terminal', 'ended'])
  })

  it.each([
    ['a text that is not the recorded one', 'select 1', SALT, NOT_RECORDED],
    ['another salt', ORIGINAL, Buffer.alloc(16), NOT_RECORDED],
    ['the text that was detached', ORIGINAL, SALT, 'delete\\u{1b}[2J'],
  ])('--with-texts: %s', async (_, text, salt, shown) => {
    // A gateway may say of a text what it likes.
    const texts = `${JSON.stringify({ id: 'txt_1', sha256, salt: salt.toString('base64'), text })}\n`
    const { stdout, calls } = await runVerb([replay], ['replay', record, '--with-texts'], {
      gateway: { [`GET /v1/sessions/${encodeURIComponent(record)}/apart`]: texts },
    })
    expect(calls).toHaveLength(1)
    expect(stdout).toContain(`(detached)\n`)
    expect(stdout).toContain(shown)
  })

  it('--with-texts: says which text is damaged, and shows the others', async () => {
    const lines = [
      { id: '', salt: '', text: '', problem: 'line 1 is damaged' },
      { id: 'txt_1', salt: SALT.toString('base64'), text: ORIGINAL },
      { id: 'txt_2', salt: '', text: '', problem: 'line 3 is damaged' },
    ]
    const { stdout, stderr } = await runVerb([replay], ['replay', record, '--with-texts'], {
      gateway: {
        [`GET /v1/sessions/${encodeURIComponent(record)}/apart`]: lines
          .map((line) => `${JSON.stringify(line)}\n`)
          .join(''),
      },
    })
    expect(stdout).toContain('delete\\u{1b}[2J')
    expect(stderr).toContain('a detached text cannot be read: line 1 is damaged')
    expect(stderr).toContain('a detached text (txt_2) cannot be read: line 3 is damaged')
  })

  it.each([
    ['without texts', [], '', '1 command has a detached text, which was not searched (auditors: --with-texts)\n'],
    ['in a text', ['--with-texts'], '(detached)\n', ''],
    ['in a text, as JSON', ['--with-texts', '--json'], '"id":"dec_2"', ''],
    ['without texts, as JSON', ['--json'], '', '1 command has a detached text, which was not searched'],
  ])(
    '--contains finds what is in detached texts, or says that it did not search them: %s',
    async (_, args, found, said) => {
      const { stdout, stderr } = await runVerb([replay], ['replay', record, '--contains', 'DELETE', ...args], {
        gateway: {
          [`GET /v1/sessions/${encodeURIComponent(record)}/apart`]: `${JSON.stringify({ id: 'txt_1', salt: SALT.toString('base64'), text: ORIGINAL })}\n`,
        },
      })
      expect(stdout).not.toContain('select 1')
      expect(stdout.includes('dec_2') || stdout.includes('(detached)')).toBe(found !== '')
      expect(stdout).toContain(found)
      expect(said === '' ? stderr : stderr.includes(said)).toEqual(said === '' ? '' : true)
    },
  )

  it('says how far a damaged recording can be read', async () => {
    const damaged = join(directory, 'damaged')
    const bytes = readFileSync(record)
    // The body comes behind the seal.
    writeFileSync(damaged, bytes.fill(0, bytes.length - 40))
    const { code, stderr } = await runVerb([replay], ['replay', damaged])
    expect(code).toBe(2)
    expect(stderr).toContain(`${damaged}: segment 0 has a body that cannot be read: `)
    expect(stderr).toContain('hint: run "pamctl verify" for details\n')
  })

  it.each([
    ['--speed', '0'],
    ['--speed', '1001'],
    ['--speed', 'fast'],
    ['--max-idle', '-1s'],
  ])('%s %s is wrong usage', async (...args) => {
    expect(await runVerb([replay], ['replay', record, ...args])).toMatchObject({ code: 2, stdout: '' })
  })
})

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
const sha256 = createHash('sha256').update('secret').digest('hex')
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
    ['a text that is not the recorded one', 'delete\u001b[2J', 'x', '(stored text does not match the recorded digest)'],
    ['the text that was detached', 'delete\u001b[2J', sha256, 'delete\\u{1b}[2J'],
  ])('--with-texts: %s', async (_, text, digest, shown) => {
    const texts = `${JSON.stringify({ id: 'txt_1', sha256: digest, text })}\n`
    const { stdout, calls } = await runVerb([replay], ['replay', record, '--with-texts'], {
      gateway: { [`GET /v1/sessions/${encodeURIComponent(record)}/apart`]: texts },
    })
    expect(calls).toHaveLength(1)
    expect(stdout).toContain(`(detached)\n`)
    expect(stdout).toContain(shown)
  })

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

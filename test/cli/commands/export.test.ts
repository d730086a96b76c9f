import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exportRecord } from '../../../src/cli/commands/export.ts'
import { recordFile } from '../../helpers/record-files.ts'
import { runVerb } from '../../helpers/verb.ts'

let directory: string
let record: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  record = await recordFile(directory, 'ses_1', ['select 1'])
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('pamctl export', () => {
  it('copies the signed record byte by byte, for its owner alone', async () => {
    const output = join(directory, 'copy.pamrec')
    expect(await runVerb([exportRecord], ['export', record, '--output', output])).toMatchObject({
      code: 0,
      stdout: `${output}\n`,
    })
    expect(readFileSync(output).equals(readFileSync(record))).toBe(true)
    expect(statSync(output).mode & 0o777).toBe(0o600)
  })

  it('prints as JSON where it wrote, and only where nothing else goes there', async () => {
    const output = join(directory, 'json.pamrec')
    const { stdout } = await runVerb([exportRecord], ['export', record, '--output', output, '--json'])
    expect(JSON.parse(stdout)).toEqual({ file: output, format: 'pamrec' })
    const both = await runVerb([exportRecord], ['export', record, '--output', '-', '--json'])
    expect(both).toMatchObject({ code: 2, stdout: '' })
  })

  it.each([
    ['jsonl', '"text":"select 1"'],
    ['text', '  select 1\n'],
    ['html', 'select 1</pre>'],
    ['cast', '"version":2'],
  ])('writes %s', async (format, part) => {
    const output = join(directory, `out.${format}`)
    await runVerb([exportRecord], ['export', record, '--format', format, '--output', output])
    expect(readFileSync(output, 'utf8')).toContain(part)
  })

  it('never writes over a file', async () => {
    const output = join(directory, 'there')
    writeFileSync(output, 'mine')
    const { code, stderr } = await runVerb([exportRecord], ['export', record, '--output', output])
    expect(code).toBe(2)
    expect(stderr).toContain(`${output} already exists\nhint: files are not overwritten`)
    expect(readFileSync(output, 'utf8')).toBe('mine')
  })

  it.each([
    [['export', '/nonexistent-record'], 'no session and no file is called'],
    [['export', 'grt_1'], 'grt_1 is a grant, not a session'],
    [['export', 'x', '--format', 'pdf'], "'pdf' is invalid"],
  ])('%j is wrong usage', async (args, message) => {
    const output = join(directory, 'never')
    const outcome = await runVerb([exportRecord], [...args, '--output', output])
    expect(outcome).toMatchObject({ code: 2, calls: [] })
    expect(outcome.stderr).toContain(message)
    expect(existsSync(output)).toBe(false)
  })

  it('says in which directory it cannot write', async () => {
    const output = join(directory, 'nowhere', 'x')
    const { code, stderr } = await runVerb([exportRecord], ['export', record, '--output', output])
    expect(code).toBe(2)
    expect(stderr).toContain(output)
  })
})

import { mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { startProblem } from '../../src/server/start-problem.ts'
import { PamError } from '../../src/shared/errors.ts'

const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-start-'))
afterAll(() => rmSync(directory, { recursive: true }))
const thrownBy = (work: () => unknown): unknown => {
  try {
    return work()
  } catch (error) {
    return startProblem(error)
  }
}
const failed = (code: string, syscall: string, path: string) =>
  Object.assign(new Error(`${code}: …`), { code, syscall, path })

describe('what keeps a gateway from starting', () => {
  it.each<[string, string, string, string, string]>([
    ['ENOSPC', 'open', 'STORE_UNAVAILABLE', '/d/x cannot be written: there is no room on the disk', 'make room'],
    ['EDQUOT', 'write', 'STORE_UNAVAILABLE', '/d/x cannot be written: there is no room on the disk', 'make room'],
    ['EROFS', 'open', 'CONFIG_INVALID', '/d/x cannot be written: its file system is read-only', 'dataDirectory'],
    ['EACCES', 'scandir', 'CONFIG_INVALID', '/d/x cannot be read: permission denied', 'gateway’s user'],
    ['EACCES', 'mkdir', 'CONFIG_INVALID', '/d/x cannot be written: permission denied', 'gateway’s user'],
    ['EIO', 'fsync', 'CONFIG_INVALID', '/d/x cannot be written (EIO)', 'at the disk'],
  ])('%s of %s is %s: %s', (code, syscall, expected, message, hint) => {
    const problem = startProblem(failed(code, syscall, '/d/x'))
    expect(problem).toMatchObject({ code: expected, message })
    expect(problem instanceof PamError && problem.hint).toContain(hint.replace('’', "'"))
  })

  it('is said of errors as the operating system makes them', () => {
    const file = join(directory, 'file')
    writeFileSync(file, '')
    expect(thrownBy(() => readFileSync(join(directory, 'none')))).toMatchObject({
      message: `there is no file ${directory}/none`,
    })
    expect(thrownBy(() => openSync(directory, 'r+'))).toMatchObject({ message: `${directory} is a directory` })
    expect(thrownBy(() => openSync(join(file, 'x'), 'r'))).toMatchObject({
      message: `${file}/x is not below a directory`,
    })
    expect(thrownBy(() => renameSync(file, join(file, 'x')))).toMatchObject({
      message: `${file}/x is not below a directory`,
    })
  })

  it('is left as it is where it is no file', () => {
    for (const error of [
      new PamError('USAGE', 'x'),
      new TypeError('x'),
      Object.assign(new Error('x'), { code: 'ECONNREFUSED' }),
      failed('EWHATEVER', 'open', '/d/x'),
    ])
      expect(startProblem(error)).toBe(error)
  })
})

import { describe, expect, it } from 'vitest'
import { storeError, writeError } from '../../src/storage/store-error.ts'

const failed = (code: string | undefined, message: string) =>
  Object.assign(new Error(message), code === undefined ? {} : { code })

describe('a store in a file', () => {
  it.each([
    ['SQLITE_FULL', 'database or disk is full', 'there is no room on the disk', 'make room'],
    [undefined, 'database or disk is full', 'there is no room on the disk', 'make room'],
    ['ENOSPC', 'ENOSPC: no space left on device, write', 'there is no room on the disk', 'make room'],
    ['SQLITE_NOTADB', 'file is not a database', 'is damaged: file is not a database', 'backup'],
    ['SQLITE_CORRUPT_INDEX', 'database disk image is malformed', 'is damaged: ', 'backup'],
    ['SQLITE_READONLY', 'attempt to write a readonly database', 'cannot be opened for writing: ', 'must belong'],
    [
      undefined,
      'ConnectionFailed("Unable to open connection to local database /d: 14")',
      'cannot be opened',
      'must belong',
    ],
    ['EACCES', "EACCES: permission denied, open '/d/state.db.lock'", 'cannot be opened', 'must belong'],
    ['EROFS', "EROFS: read-only file system, open '/d/state.db.lock'", 'cannot be opened', 'must belong'],
    ['ENOTDIR', "ENOTDIR: not a directory, mkdir '/d'", 'cannot be opened', 'must belong'],
    ['EEXIST', "EEXIST: file already exists, mkdir '/d'", 'cannot be opened', 'must belong'],
    ['SQLITE_IOERR', 'disk I/O error', 'the disk failed under the store at ', 'look at'],
  ])('%s %s', (code, message, problem, hint) => {
    expect(storeError(failed(code, message), { place: '/d/state.db' })).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(problem),
      hint: expect.stringContaining(hint),
    })
  })

  it('of a later version names the migration', () => {
    const error = failed(undefined, 'corrupted migrations: previously executed migration 20990101-later is missing')
    expect(storeError(error, { place: '/d/state.db' })).toMatchObject({
      message: expect.stringMatching(
        /^the store at \/d\/state\.db was written by another version of the gateway: .*20990101-later/,
      ),
      hint: 'start the version that wrote it, or a newer one',
    })
  })

  it.each([
    ['SQLITE_FULL', 'make room'],
    ['SQLITE_READONLY_DBMOVED', 'writable'],
    ['SQLITE_CORRUPT', 'backup'],
  ])('that cannot be changed (%s) says what to do', (code, hint) => {
    expect(writeError(failed(code, 'x'))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      hint: expect.stringContaining(hint),
    })
    const other = failed('SQLITE_CONSTRAINT', 'x')
    expect(writeError(other)).toBe(other)
  })
})

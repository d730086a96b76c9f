import { describe, expect, it } from 'vitest'
import {
  handleOperation,
  nameOf,
  operationOf,
  parentOf,
} from '../../../../src/protocols/ssh/transfer/sftp-operation.ts'
import { SftpFiles } from '../../../../src/protocols/ssh/transfer/sftp-files.ts'
import { openFlags, sftpType, type SftpPacket } from '../../../../src/protocols/ssh/wire/packet.ts'
import { ByteWriter } from '../../../../src/wire/byte-writer.ts'

/** A request with fields behind its id: texts are strings, numbers uint32. */
function packet(type: number, ...fields: readonly (string | number)[]): SftpPacket {
  const writer = new ByteWriter()
  writer.uint32(0)
  writer.uint8(type)
  writer.uint32(1)
  for (const field of fields) {
    if (typeof field === 'number') writer.uint32(field)
    else {
      writer.uint32(Buffer.byteLength(field))
      writer.bytes(Buffer.from(field))
    }
  }
  return { type, id: 1, bytes: writer.finish() }
}
const [SIZE, OWNER, MODE, TIMES] = [1, 2, 4, 8]
const { read, write, create, truncate } = openFlags

describe('what a request of SFTP asks for', () => {
  it.each([
    [read, ['file-read']],
    [write | create, ['file-write']],
    [truncate, ['file-write']],
    [read | write, ['file-write', 'file-read']],
    [0, ['file-read']],
  ])('open with flags %i', (flags, kinds) => {
    expect(operationOf(packet(sftpType.open, '/a', flags, 0))).toMatchObject({ kinds })
  })

  it.each([
    ['open', packet(sftpType.open, '/a', write | create, MODE, 0o4755), ['file-write', 'file-attributes']],
    ['mkdir', packet(sftpType.mkdir, '/a', MODE, 0o2755), ['file-mkdir', 'file-attributes']],
    ['mkdir of an ordinary directory', packet(sftpType.mkdir, '/a', MODE, 0o755), ['file-mkdir']],
  ])('special bits of what is made are attributes: %s', (_, request, kinds) => {
    expect(operationOf(request)).toMatchObject({ kinds })
  })

  it.each([
    [packet(sftpType.setstat, '/a', MODE, 0o104755), ['file-attributes'], ['mode=4755']],
    [packet(sftpType.setstat, '/a', OWNER, 0, 7), ['file-attributes'], ['owner=0:7']],
    [packet(sftpType.setstat, '/a', SIZE, 0, 5), ['file-attributes', 'file-write'], ['size=5']],
    [packet(sftpType.setstat, '/a', TIMES, 1, 2), ['file-attributes'], ['modified=1970-01-01T00:00:02.000Z']],
    [packet(sftpType.extended, 'lsetstat@openssh.com', '/a', MODE, 1), ['file-attributes'], ['mode=0001']],
  ])('setstat says what it sets', (request, kinds, sets) => {
    expect(operationOf(request)).toMatchObject({ kinds, sets })
  })

  it('attributes that version 3 does not have are refused', () => {
    expect(() => operationOf(packet(sftpType.setstat, '/a', 16, 1))).toThrow('attributes that are not understood')
    expect(() => operationOf(packet(sftpType.open, '/a', write, 0x8000_0000, 0))).toThrow('not understood')
  })

  it.each([
    [[MODE, 0o644], false],
    [[TIMES, 1, 1], false],
    [[MODE, 0o4755], true],
    [[OWNER, 0, 0], true],
  ])('fsetstat of a file that is written, with %j, is an operation of its own: %s', (attributes, isOwn) => {
    const files = new SftpFiles({ outcome() {} })
    files.open('h', '/a', 'write')
    const file = files.find('h')
    if (file === undefined) throw new Error('it was opened')
    const operation = handleOperation(packet(sftpType.fsetstat, 'h', ...attributes), file)
    expect(operation === undefined ? undefined : { ...operation, sets: undefined }).toEqual(
      isOwn
        ? { name: 'setstat', kinds: ['file-attributes'], reads: [], writes: [{ path: '/a', follows: true }] }
        : undefined,
    )
  })

  it.each([
    ['../secret', '/open/link', '/open/../secret'],
    ['../secret', '/open/link/', '/open/../secret'],
    ['../secret', '/open/link///', '/open/../secret'],
    ['secret', 'link', './secret'],
    ['secret', '/link', '//secret'],
    ['/secret', '/open/link/', '/secret'],
  ])('a link with %j at %j leads to %s', (target, link, led) => {
    expect(operationOf(packet(sftpType.symlink, target, link))?.reads).toEqual([{ path: led, follows: true }])
  })
})

it.each([
  ['/a/b', '/a', 'b'],
  ['/a//b//', '/a', 'b'],
  ['/a', '/', 'a'],
  ['//', '/', ''],
  ['a/', '.', 'a'],
  ['', '.', ''],
  ['a/b/..', 'a/b', '..'],
])('%j is in %j as %j', (path, parent, name) => {
  expect([parentOf(path), nameOf(path)]).toEqual([parent, name])
})

// By expressions this took minutes, in which the gateway served nobody.
it('a path of a hundred thousand slashes is taken apart at once', () => {
  const path = `${'/'.repeat(100_000)}a/b`
  expect([parentOf(path).length, nameOf(path)]).toEqual([100_001, 'b'])
})

import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  decodeExtensions,
  encodeRealpath,
  encodeStatus,
  encodeVersion,
  SftpFields,
  SftpFramer,
  sftpType,
  underId,
  withStrings,
} from '../../../../src/protocols/ssh/wire/packet.ts'
import { operationOf } from '../../../../src/protocols/ssh/transfer/sftp-operation.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'

const framed = (bytes: Buffer) => new SftpFramer().push(bytes)

describe('SFTP packets', () => {
  it('are cut alike, however their bytes come', () => {
    const packets = [encodeRealpath(1, '/a'), encodeStatus(2, 3, 'no'), encodeRealpath(3, '')]
    const bytes = Buffer.concat(packets)
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 6 }), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
        const framer = new SftpFramer()
        const found = at.slice(1).flatMap((end, index) => framer.push(bytes.subarray(at[index], end)))
        expect(found.map((packet) => packet.bytes)).toEqual(packets)
        expect(framer.rest).toBe(0)
      }),
    )
  })

  it('decode what encode wrote', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.string({ unit: 'grapheme' }), (id, path) => {
        const [packet] = framed(encodeRealpath(id, path))
        expect(packet).toMatchObject({ type: sftpType.realpath, id })
        if (packet !== undefined && !path.includes('\0')) expect(new SftpFields(packet).path()).toBe(path)
      }),
    )
    const [version] = framed(
      encodeVersion(3, [
        ['a@b', Buffer.from('1')],
        ['c', Buffer.alloc(0)],
      ]),
    )
    expect(version && decodeExtensions(version)).toEqual([
      ['a@b', Buffer.from('1')],
      ['c', Buffer.alloc(0)],
    ])
    const [again] = framed(underId(framed(encodeRealpath(7, '/x'))[0] as never, 9))
    expect(again).toMatchObject({ id: 9 })
  })

  it('of any size are cut in one copy, though they come byte by byte', () => {
    const bytes = encodeRealpath(1, 'x'.repeat(200_000))
    const framer = new SftpFramer()
    const concat = vi.spyOn(Buffer, 'concat')
    const packets = [...bytes].flatMap((byte) => framer.push(Buffer.from([byte])))
    const copied = concat.mock.results.reduce((sum, { value }) => sum + (value as Buffer).length, 0)
    concat.mockRestore()
    expect(packets.map((packet) => packet.bytes)).toEqual([bytes])
    expect(copied).toBeLessThan(3 * bytes.length)
  })

  it('carry other strings in the place of some', () => {
    const strings = fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(strings, fc.uint8Array({ maxLength: 9 }), fc.nat(3), fc.string(), (all, rest, which, other) => {
        const encoded = (texts: readonly string[]): Buffer => {
          const parts = texts.map((text) => {
            const bytes = Buffer.from(text)
            const length = Buffer.alloc(4)
            length.writeUInt32BE(bytes.length)
            return Buffer.concat([length, bytes])
          })
          const body = Buffer.concat([Buffer.from([sftpType.rename, 0, 0, 0, 7]), ...parts, rest])
          const head = Buffer.alloc(4)
          head.writeUInt32BE(body.length)
          return Buffer.concat([head, body])
        }
        const index = which % all.length
        const [packet] = framed(encoded(all))
        expect(withStrings(packet as never, new Map([[index, other]]))).toEqual(encoded(all.with(index, other)))
      }),
    )
  })

  it('that are too short, too long, or with paths that cannot be judged, are refused', () => {
    expect(() => framed(Buffer.from([0, 0, 0, 4, 1, 0, 0, 0]))).toThrow(WireError)
    expect(() => framed(Buffer.from([0x7f, 0, 0, 0]))).toThrow(WireError)
    for (const path of [Buffer.from('/a\0b'), Buffer.from([0x2f, 0xff, 0xfe])]) {
      const bytes = Buffer.concat([
        Buffer.from([0, 0, 0, 9 + path.length, sftpType.opendir, 0, 0, 0, 1, 0, 0, 0, path.length]),
        path,
      ])
      expect(() => operationOf(framed(bytes)[0] as never)).toThrow(WireError)
    }
  })

  it('of any bytes: an operation, nothing, or a WireError', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 60 }), (type, body) => {
        const bytes = Buffer.concat([Buffer.from([0, 0, 0, 5 + body.length, type, 0, 0, 0, 1]), Buffer.from(body)])
        try {
          operationOf(framed(bytes)[0] as never)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })
})

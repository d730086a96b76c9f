import { constants, deflateSync, inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeaderBlocks } from '../../../../src/protocols/kubernetes/streams/header-blocks.ts'
import {
  encodeSpdyFrame,
  SpdyReader,
  type SentSpdyFrame,
  type SpdyFrame,
} from '../../../../src/protocols/kubernetes/wire/spdy-frame.ts'
import {
  decodeSpdyHeaders,
  encodeSpdyHeaders,
  SPDY_DICTIONARY,
  StoredBlocks,
} from '../../../../src/protocols/kubernetes/wire/spdy-headers.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** What github.com/moby/spdystream writes, which kubectl and the API server are built with; one framer, in this order. */
const GOLDEN: readonly (readonly [bytes: string, frame: object])[] = [
  [
    '80030001000000290000000100000000000078f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff',
    { type: 'syn-stream', stream: 1, isLast: false },
  ],
  ['800300010000001700000003000000000000c22e555c92929907000000ffff', { type: 'syn-stream', stream: 3, isLast: false }],
  [
    '800300010000002f000000050000000000000225550c295001940829cb8bc0d9c6d4c4d888818181b30812f799a03cc16800000000ffff',
    { type: 'syn-stream', stream: 5, isLast: false },
  ],
  ['800300020000000e000000016260606000000000ffff', { type: 'syn-reply', stream: 1, isLast: false }],
  ['000000030000000568656c6c6f', { type: 'data', stream: 3, isLast: false, bytes: Buffer.from('hello') }],
  ['0000000301000000', { type: 'data', stream: 3, isLast: true, bytes: Buffer.alloc(0) }],
  ['80030003000000080000000300000005', { type: 'rst-stream', stream: 3, status: 5 }],
  ['800300060000000400000001', { type: 'ping', id: 1 }],
  ['80030007000000080000000500000000', { type: 'go-away', lastStream: 5, status: 0 }],
  ['8003000400000014 00000002 0000000400000064 0000000700001000', { type: 'settings' }],
  ['8003000900000008 00000001 00010000', { type: 'window-update', stream: 1, delta: 65_536 }],
]
const WHOLE = hex(GOLDEN.map(([bytes]) => bytes).join(''))
const withoutBlock = (frame: SpdyFrame): object =>
  Object.fromEntries(Object.entries(frame).filter(([name]) => name !== 'block'))

describe('frames of SPDY', () => {
  it('are read as spdystream writes them, wherever they are cut', () => {
    const expected = GOLDEN.map(([, frame]) => frame)
    expect(new SpdyReader().push(WHOLE).map(withoutBlock)).toEqual(expected)
    for (let cut = 1; cut < WHOLE.length; cut++) {
      const reader = new SpdyReader()
      const frames = [...reader.push(WHOLE.subarray(0, cut)), ...reader.push(WHOLE.subarray(cut))]
      expect(frames.map(withoutBlock)).toEqual(expected)
      expect(reader.isIdle).toBe(true)
    }
  })

  it('have the headers that spdystream wrote', async () => {
    const blocks = new HeaderBlocks()
    const headers = []
    for (const frame of new SpdyReader().push(WHOLE))
      if (frame.type === 'syn-stream') headers.push(Object.fromEntries(await blocks.decode(frame.block)))
    expect(headers).toEqual([
      { streamtype: 'error' },
      { streamtype: 'stdin' },
      { streamtype: 'data', port: '5432', requestid: '0' },
    ])
    blocks.close()
  })

  it('are written as they are read', () => {
    const sent = GOLDEN.slice(4, 9)
    for (const [bytes, frame] of sent) expect(encodeSpdyFrame(frame as SentSpdyFrame)).toEqual(hex(bytes))
    for (const type of ['syn-stream', 'syn-reply'] as const) {
      const frame = { type, stream: 7, isLast: true, block: Buffer.from('block') }
      expect(new SpdyReader().push(encodeSpdyFrame(frame))).toEqual([frame])
    }
  })

  it.each([
    ['version 2', '80020006 00000004 00000001'],
    ['a type that nobody knows', '80030005 00000000'],
    ['no stream', '00000000 00000000'],
    ['a flag that nobody knows', '00000001 02000000'],
    ['a stream of one direction', '80030001 0200000a 00000001 00000000 0000'],
    ['a stream that belongs to another', '80030001 0000000a 00000003 00000001 0000'],
    ['a reset that is too short', '80030003 00000004 00000001'],
    ['a reset that is too long', '80030003 0000000c 00000001 00000005 00000000'],
    ['fewer settings than it says', '80030004 00000004 00000001'],
    ['a control frame that is too long', '80030006 00010001'],
    ['data that are too long', '00000001 00400001'],
  ])('refuses %s', (_, bytes) => {
    expect(() => new SpdyReader().push(hex(bytes))).toThrow(WireError)
  })

  it('fail with a WireError or not at all, whatever one byte of them is', () => {
    for (let at = 0; at < WHOLE.length; at++)
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(WHOLE)
        bytes[at] = (bytes[at] as number) ^ flip
        try {
          new SpdyReader().push(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }
  })
})

describe('headers of streams', () => {
  it('begin with the dictionary of the specification', () => {
    // Its Adler-32, as zlib writes it into what is compressed with it.
    expect(deflateSync('x', { dictionary: SPDY_DICTIONARY }).subarray(2, 6).toString('hex')).toBe('e3c6a7c2')
  })

  it('are stored in blocks that zlib reads, one after the other', async () => {
    const blocks = new StoredBlocks()
    const reader = new HeaderBlocks()
    const all = [
      new Map([['streamtype', 'error']]),
      new Map(),
      new Map([
        ['port', '80'],
        ['requestid', '1'],
      ]),
    ]
    const encoded = all.map((headers) => blocks.encode(encodeSpdyHeaders(headers)))
    for (const [index, block] of encoded.entries()) expect(await reader.decode(block)).toEqual(all[index])
    reader.close()
    const whole = inflateSync(Buffer.concat(encoded), { finishFlush: constants.Z_SYNC_FLUSH })
    expect(whole).toEqual(Buffer.concat(all.map(encodeSpdyHeaders)))
    // Go's reader gives what it has read at a flush, and not before.
    for (const block of encoded) expect(block.subarray(-5).toString('hex')).toBe('000000ffff')
  })

  it.each([
    ['names in upper case', new Map([['Port', '1']])],
    ['several values', new Map([['port', '80\x0081']])],
    ['a line break', new Map([['port', '80\r\nx: y']])],
    ['no name', new Map([['', 'x']])],
    ['too many', new Map(Array.from({ length: 40 }, (_, index) => [`h${index}`, 'x']))],
  ])('refuses %s', (_, headers) => {
    expect(() => decodeSpdyHeaders(encodeSpdyHeaders(headers))).toThrow(WireError)
  })

  it('refuses one header twice, and more behind them', () => {
    const one = encodeSpdyHeaders(new Map([['port', '80']])).subarray(4)
    expect(() => decodeSpdyHeaders(Buffer.concat([hex('00000002'), one, one]))).toThrow(WireError)
    expect(() => decodeSpdyHeaders(Buffer.concat([hex('00000001'), one, hex('00')]))).toThrow(WireError)
  })

  it('refuses a few bytes that stand for a great many', async () => {
    const bomb = deflateSync(Buffer.alloc(5_000_000), { dictionary: SPDY_DICTIONARY })
    await expect(new HeaderBlocks().decode(bomb)).rejects.toThrow(/too long/)
  })

  it('refuses what zlib cannot read, and everything after it', async () => {
    const blocks = new HeaderBlocks()
    await expect(blocks.decode(hex('ffffffff'))).rejects.toThrow(WireError)
    await expect(blocks.decode(hex('ffffffff'))).rejects.toThrow(WireError)
  })

  it('fails with a WireError or not at all, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decodeSpdyHeaders(Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })
})

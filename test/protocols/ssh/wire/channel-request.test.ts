import { describe, expect, it } from 'vitest'
import {
  decodeRequest,
  decodeTerminal,
  encodeRequest,
  encodeSize,
  encodeTerminal,
  readModes,
  signalOf,
  sizeOf,
  string,
} from '../../../../src/protocols/ssh/wire/channel-request.ts'

const size = { cols: 80, rows: 24, width: 640, height: 480 }

describe('channel requests', () => {
  it.each([
    { channel: 0, type: 'exec', wantsReply: true, data: string('ls') },
    { channel: 0xffff_ffff, type: 'window-change', wantsReply: false, data: encodeSize(size) },
    { channel: 7, type: '', wantsReply: false, data: Buffer.alloc(0) },
  ])('decodes what encode wrote: $type on $channel', (request) => {
    expect(decodeRequest(encodeRequest(request))).toEqual(request)
  })

  it('gives nothing for a payload that is cut off, wherever that is', () => {
    const payload = encodeRequest({ channel: 1, type: 'exec', wantsReply: true, data: Buffer.alloc(0) })
    for (let end = 0; end < payload.length; end++) expect(decodeRequest(payload.subarray(0, end))).toBeUndefined()
  })

  it('reads the size of a window, and the name of a signal', () => {
    expect(sizeOf(encodeSize(size))).toEqual(size)
    expect(sizeOf(encodeSize(size).subarray(1))).toBeUndefined()
    expect(signalOf(string('TERM'))).toEqual({ name: 'TERM' })
    expect(signalOf(string('TERM').subarray(0, 6))).toBeUndefined()
  })

  it('takes the modes out of a terminal request', () => {
    const modes = Buffer.from([3, 0, 0, 0, 8, 0])
    const terminal = decodeTerminal(encodeTerminal({ ...size, term: 'xterm' }, modes))
    expect(terminal?.modes).toEqual(modes)
    expect(terminal?.withoutModes).toEqual(encodeTerminal({ ...size, term: 'xterm' }, Buffer.from([0])))
  })
})

describe('terminal modes', () => {
  it.each([
    ['nothing', [], [0]],
    ['an end alone', [0], [0]],
    ['what follows the end', [3, 0, 0, 0, 8, 0, 9, 9], [3, 0, 0, 0, 8, 0]],
    ['one that is cut off', [3, 0, 0, 0, 8, 4, 0, 0], [3, 0, 0, 0, 8, 0]],
    ['one that is not defined', [3, 0, 0, 0, 8, 160, 0, 0, 0, 1], [3, 0, 0, 0, 8, 0]],
  ])('%s', (_, given, expected) => {
    expect([...readModes(Buffer.from(given))]).toEqual(expected)
  })
})

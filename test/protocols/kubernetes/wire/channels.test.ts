import { describe, expect, it } from 'vitest'
import {
  decodeChannelMessage,
  encodeChannelData,
  encodeChannelEnd,
} from '../../../../src/protocols/kubernetes/wire/channel-message.ts'
import {
  decodeExecStatus,
  decodeTerminalSize,
  encodeExecStatus,
  encodeTerminalSize,
} from '../../../../src/protocols/kubernetes/wire/exec-status.ts'

describe('messages of channels', () => {
  it('have the number of the channel in front', () => {
    expect(encodeChannelData('stdout', Buffer.from('hi')).toString('hex')).toBe('016869')
    expect(encodeChannelEnd('stdin').toString('hex')).toBe('ff00')
    expect(decodeChannelMessage(Buffer.from('046869', 'hex'), 4)).toEqual({
      type: 'data',
      channel: 'resize',
      bytes: Buffer.from('hi'),
    })
    expect(decodeChannelMessage(Buffer.from('ff00', 'hex'), 5)).toEqual({ type: 'end', channel: 'stdin' })
    expect(decodeChannelMessage(Buffer.alloc(0), 5)).toEqual({ type: 'empty' })
  })

  it.each([
    ['05', 4],
    ['fe61', 5],
    // In v4 no channel has an end of its own.
    ['ff00', 4],
    ['ff', 5],
    ['ff05', 5],
    ['ff0000', 5],
  ] as const)('%s is none of v%i', (bytes, version) => {
    expect(() => decodeChannelMessage(Buffer.from(bytes, 'hex'), version)).toThrow()
  })
})

describe('the status of a command', () => {
  const read = (value: unknown) =>
    decodeExecStatus(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))

  it('is read as kubectl reads it', () => {
    expect(read({ metadata: {}, status: 'Success' })).toEqual({ type: 'exit', code: 0 })
    expect(
      read(
        '{"metadata":{},"status":"Failure","message":"x","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}',
      ),
    ).toEqual({ type: 'exit', code: 7 })
    expect(read({ status: 'Failure', reason: 'InternalError', message: 'no such file' })).toEqual({
      type: 'failure',
      message: 'no such file',
    })
  })

  it.each([
    '',
    'x',
    '[]',
    'null',
    '{}',
    '{"status":"Maybe"}',
    '{"status":"Failure","reason":"NonZeroExitCode"}',
    '{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[null,{"reason":"ExitCode","message":"-1"}]}}',
  ])('is unknown where %s comes', (text) => expect(read(text)).toBeUndefined())

  it('is written as it is read', () => {
    for (const status of [
      { type: 'exit', code: 0 },
      { type: 'exit', code: 137 },
      { type: 'failure', message: 'nobody "knows"' },
    ] as const)
      expect(decodeExecStatus(encodeExecStatus(status))).toEqual(status)
  })
})

describe('the size of a terminal', () => {
  it('is read and written as client-go does', () => {
    expect(decodeTerminalSize(Buffer.from('{"Width":80,"Height":24}\n'))).toEqual({ columns: 80, rows: 24 })
    expect(encodeTerminalSize({ columns: 80, rows: 24 }).toString()).toBe('{"Width":80,"Height":24}\n')
  })
  it.each([
    '',
    '{}',
    '{"Width":80}',
    '{"Width":-1,"Height":2}',
    '{"Width":70000,"Height":2}',
    '{"Height":24,"Width":80}',
  ])('is unknown where %s comes', (text) => expect(decodeTerminalSize(Buffer.from(text))).toBeUndefined())
})

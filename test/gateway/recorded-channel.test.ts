import { beforeEach, describe, expect, it } from 'vitest'
import { RecordedChannel } from '../../src/gateway/recorded-channel.ts'
import type { Recorder } from '../../src/recording/recorder.ts'
import { idleHandler, type Channel } from '../../src/shared/channel.ts'

/** A record that is written when the test says so. */
class FakeRecorder {
  isWritten = true
  readonly #waiting: (() => void)[] = []
  whenWritten(done: () => void): void {
    this.#waiting.push(done)
  }
  written(count = this.#waiting.length): void {
    for (const done of this.#waiting.splice(0, count)) done()
  }
}

let recorder: FakeRecorder
let did: string[]
let takesMore: boolean
let ended: AbortController
let channel: Channel

beforeEach(() => {
  recorder = new FakeRecorder()
  did = []
  takesMore = true
  ended = new AbortController()
  channel = new RecordedChannel(
    {
      handler: idleHandler,
      write: (bytes) => (did.push(Buffer.from(bytes).toString().slice(0, 10)), takesMore),
      pause: () => void did.push('pause'),
      resume: () => void did.push('resume'),
      end: () => void did.push('end'),
      destroy: () => void did.push('destroy'),
    },
    { recorder: recorder as unknown as Recorder, ended: ended.signal },
  )
})

const text = (value: string): Buffer => Buffer.from(value)

describe('a channel to the target', () => {
  it('forwards at once what is on record already, and reports whether the target is full', () => {
    expect(channel.write(text('a'))).toBe(true)
    takesMore = false
    expect(channel.write(text('b'))).toBe(false)
    channel.end()
    expect(did).toEqual(['a', 'b', 'end'])
  })

  it('sends nothing of a command before it is on record, and then all of it in order', () => {
    recorder.isWritten = false
    channel.write(text('a'))
    channel.write(text('b'))
    channel.end()
    expect(did).toEqual([])
    recorder.written()
    expect(did).toEqual(['a', 'b', 'end'])
  })

  it('keeps the order where the record is written while chunks still wait', () => {
    recorder.isWritten = false
    channel.write(text('a'))
    channel.write(text('b'))
    recorder.isWritten = true
    recorder.written(1)
    channel.write(text('c'))
    channel.end()
    expect(did).toEqual(['a'])
    recorder.written()
    expect(did).toEqual(['a', 'b', 'c', 'end'])
  })

  it('drops waiting chunks when the session has ended', () => {
    recorder.isWritten = false
    channel.write(text('a'))
    channel.end()
    ended.abort()
    recorder.written()
    expect(did).toEqual([])
  })

  it('pauses its source while too much waits, and resumes it when all is sent', () => {
    let drained = 0
    channel.handler = { ...idleHandler, drained: () => drained++ }
    recorder.isWritten = false
    expect(channel.write(Buffer.alloc(256 * 1024))).toBe(true)
    expect(channel.write(text('x'))).toBe(false)
    expect(channel.write(text('y'))).toBe(false)
    recorder.written(2)
    expect(drained).toBe(0)
    recorder.written()
    expect(drained).toBe(1)
  })

  it('leaves resuming the source to the target where that is full', () => {
    let drained = 0
    channel.handler = { ...idleHandler, drained: () => drained++ }
    recorder.isWritten = false
    channel.write(Buffer.alloc(256 * 1024 + 1))
    takesMore = false
    recorder.written()
    expect(drained).toBe(0)
  })

  it('can be paused, resumed and destroyed while chunks wait', () => {
    recorder.isWritten = false
    channel.write(text('a'))
    channel.pause()
    channel.resume()
    channel.destroy()
    expect(did).toEqual(['pause', 'resume', 'destroy'])
  })
})

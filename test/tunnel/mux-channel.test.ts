import { expect, it } from 'vitest'
import { MuxChannel } from '../../src/tunnel/mux-channel.ts'

// With `shift` of an array, which moves all that are left, these took from seconds to minutes.
it('many small pieces that have waited are handed on, in order', () => {
  const channel = new MuxChannel(1, 0, { ready() {}, grant() {}, blocked() {}, close() {}, done() {} })
  let sum = 0
  let last = -1
  channel.handler = {
    data: (bytes) => {
      expect(bytes[0]).toBe((last + 1) % 256)
      last = bytes[0] ?? -1
      sum += bytes.length
    },
    drained() {},
    ended() {},
    closed() {},
  }
  for (let at = 0; at < 19_000; at++) channel.received(Buffer.of(at % 256))
  channel.resume()
  expect(sum).toBe(19_000)
})

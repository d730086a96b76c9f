import fc from 'fast-check'
import { expect, it } from 'vitest'
import { GoawayWatch } from '../../../../src/protocols/http/wire/goaway-watch.ts'
import { frame, frameTypes } from '../../../helpers/raw-http2.ts'

const goaway = (code: number, debug = ''): Buffer => {
  const payload = Buffer.alloc(8 + debug.length)
  payload.writeUInt32BE(code, 4)
  payload.write(debug, 8)
  return frame(frameTypes.goaway, 0, 0, payload)
}
const others = fc.array(
  fc
    .tuple(fc.constantFrom(0, 1, 3, 4, 6, 8), fc.uint8Array({ maxLength: 30 }))
    .map(([type, payload]) => frame(type, 0, 1, Buffer.from(payload))),
)

it('sees that a connection is over for an error, wherever the bytes are cut', () => {
  fc.assert(
    fc.property(
      others,
      fc.integer({ min: 1, max: 13 }),
      others,
      fc.integer({ min: 1, max: 20 }),
      (before, code, after, size) => {
        const bytes = Buffer.concat([...before, goaway(code, 'why'), ...after])
        const watch = new GoawayWatch()
        const seen: boolean[] = []
        for (let at = 0; at < bytes.length; at += size) seen.push(watch.push(bytes.subarray(at, at + size)))
        expect(seen.filter(Boolean)).toHaveLength(1)
      },
    ),
  )
})

it('sees nothing of the kind in other frames, or where a connection ends without one', () => {
  fc.assert(
    fc.property(others, fc.integer({ min: 1, max: 20 }), (frames, size) => {
      const bytes = Buffer.concat([...frames, goaway(0), ...frames])
      const watch = new GoawayWatch()
      for (let at = 0; at < bytes.length; at += size) expect(watch.push(bytes.subarray(at, at + size))).toBe(false)
    }),
  )
})

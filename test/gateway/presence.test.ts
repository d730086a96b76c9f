import { expect, it, vi } from 'vitest'
import { Presence, type PresenceConnection } from '../../src/gateway/presence.ts'
import { idleHandler, type Channel } from '../../src/shared/channel.ts'

/** A connection that the test ends. */
function connection(): PresenceConnection & { readonly said: Buffer[] } {
  const said: Buffer[] = []
  const channel: Channel = {
    handler: idleHandler,
    write: (bytes) => said.push(Buffer.from(bytes)) > 0,
    pause() {},
    resume() {},
    end() {},
    destroy: () => channel.handler.closed(),
  }
  return { channel, goodbye: Buffer.from('goodbye'), said }
}

it('has one connection for all that hold it, and says goodbye when the last one leaves', async () => {
  const presence = new Presence()
  const opened = connection()
  const open = vi.fn(() => Promise.resolve(opened))
  const [one, other] = await Promise.all([presence.hold('a', open), presence.hold('a', open)])
  expect(open).toHaveBeenCalledTimes(1)
  one()
  one()
  await Promise.resolve()
  expect(opened.said).toEqual([])
  other()
  await vi.waitFor(() => expect(opened.said).toEqual([Buffer.from('goodbye')]))
  await presence.hold('a', open)
  expect(open).toHaveBeenCalledTimes(2)
})

it('opens another connection where one is lost, and tries until there is one', async () => {
  const presence = new Presence()
  const [first, third] = [connection(), connection()]
  const open = vi
    .fn<() => Promise<PresenceConnection>>()
    .mockResolvedValueOnce(first)
    .mockRejectedValueOnce(new Error('not yet'))
    .mockResolvedValue(third)
  const leave = await presence.hold('a', open)
  first.channel.handler.ended()
  await vi.waitFor(() => expect(open).toHaveBeenCalledTimes(3))
  leave()
  await vi.waitFor(() => expect(third.said).toHaveLength(1))
  third.channel.destroy()
  await Promise.resolve()
  expect(open).toHaveBeenCalledTimes(3)
})

it('is not held where no connection can be opened, and asks again for the next one', async () => {
  const presence = new Presence()
  const open = vi
    .fn<() => Promise<PresenceConnection>>()
    .mockRejectedValueOnce(new Error('no'))
    .mockResolvedValue(connection())
  await expect(presence.hold('a', open)).rejects.toThrow('no')
  await presence.hold('a', open)
  expect(open).toHaveBeenCalledTimes(2)
})

import { afterEach, describe, expect, it, vi } from 'vitest'
import { PartialUnit } from '../../src/wire/partial-unit.ts'

afterEach(() => vi.restoreAllMocks())

describe('bytes of a unit that is not whole', () => {
  it('are joined once there are as many as are wanted', () => {
    const held = new PartialUnit()
    const join = (text: string): string | undefined => held.join(Buffer.from(text))?.toString()
    expect(join('ab')).toBe('ab')
    held.keep(Buffer.from('b'), 4)
    expect(held.isEmpty).toBe(false)
    expect([join('c'), join('d'), join('ef')]).toEqual([undefined, undefined, 'bcdef'])
    expect(held.isEmpty).toBe(true)
    expect(join('g')).toBe('g')
  })

  it('stay as they are when more is held', () => {
    const held = new PartialUnit()
    held.keep(Buffer.from('a'), 2)
    const first = held.join(Buffer.from('b'))
    held.keep(Buffer.alloc(0), 2)
    held.join(Buffer.from('x'))
    held.join(Buffer.from('y'))
    expect(first?.toString()).toBe('ab')
  })

  it('cost about as much where they come one by one', () => {
    const whole = Buffer.alloc(100_000, 'abc')
    let copied = 0
    const { copy } = Buffer.prototype
    vi.spyOn(Buffer.prototype, 'copy').mockImplementation(function (this: Buffer, ...args) {
      const bytes = copy.apply(this, args)
      copied += bytes
      return bytes
    })
    const held = new PartialUnit()
    held.keep(Buffer.alloc(0), whole.length)
    let joined: Buffer | undefined
    for (let at = 0; at < whole.length; at++) joined = held.join(whole.subarray(at, at + 1))
    expect(joined?.equals(whole)).toBe(true)
    expect(copied).toBeLessThan(3 * whole.length)
  })
})

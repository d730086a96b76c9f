import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StaggeredClose } from '../../src/gateway/staggered-close.ts'

const NEVER = new Promise<true>(() => {})

describe('idle backends', () => {
  let staggeredClose: StaggeredClose
  let said: string[]
  const say = (name: string, gone: Promise<true> = Promise.resolve(true)): Promise<void> =>
    staggeredClose.say(() => said.push(name), gone)
  beforeEach(() => {
    vi.useFakeTimers()
    staggeredClose = new StaggeredClose()
    said = []
  })
  afterEach(() => void vi.useRealTimers())

  it('close at once where few clients are told', async () => {
    for (let n = 0; n < 16; n++) staggeredClose.told()
    await say('one')
    expect(said).toEqual(['one'])
  })

  it('close when most of the many clients that were told have left', async () => {
    const told = Array.from({ length: 40 }, () => staggeredClose.told())
    const both = Promise.all([say('one'), say('two')])
    for (const gone of told.slice(0, 23)) gone()
    // Who says so twice is one.
    told[0]?.()
    await vi.advanceTimersByTimeAsync(10)
    expect(said).toEqual([])
    told[23]?.()
    await both
    expect(said).toEqual(['one', 'two'])
  })

  it('do not wait for clients that stay, nor for later ones', async () => {
    for (let n = 0; n < 17; n++) staggeredClose.told()
    const left = say('one')
    await vi.advanceTimersByTimeAsync(400)
    for (let n = 0; n < 17; n++) staggeredClose.told()
    await vi.advanceTimersByTimeAsync(90)
    expect(said).toEqual([])
    await vi.advanceTimersByTimeAsync(10)
    await left
    expect(said).toEqual(['one'])
    // Nobody is waited for any more once their time is over.
    await vi.advanceTimersByTimeAsync(400)
    await say('two')
    expect(said).toEqual(['one', 'two'])
  })

  it('close a few at a time; one that hangs loses its turn', async () => {
    const all = Array.from({ length: 17 }, (_, n) => say(String(n), NEVER))
    await vi.advanceTimersByTimeAsync(0)
    expect(said).toHaveLength(16)
    await vi.advanceTimersByTimeAsync(50)
    expect(said).toHaveLength(17)
    await vi.advanceTimersByTimeAsync(50)
    await Promise.all(all)
  })
})

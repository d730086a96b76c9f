import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { CatalogShelf } from '../../../../src/protocols/mysql/catalog/catalog-shelf.ts'
import { markQuery } from '../../../../src/protocols/mysql/catalog/catalog-queries.ts'
import type { Ask } from '../../../../src/protocols/mysql/catalog/catalog.ts'
import { readingContext } from '../../../helpers/read-mysql.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const { server } = readingContext()
const MARK = markQuery(server)

/** A target without tables, and how often it was asked for its digest and for everything. */
function target() {
  const asked = { mark: 0, all: 0 }
  const state = { mark: 'one' }
  const ask: Ask = (text) => {
    if (text !== MARK) return Promise.resolve([])
    asked.mark++
    return Promise.resolve([[state.mark]])
  }
  return { asked, state, ask }
}
const shelf = () => new CatalogShelf(() => undefined)
const placeOf = (of: CatalogShelf, name = 'shop') => of.find(name, server, { safeRoutines: [], noOtherTriggers: false })

it('sessions of one target share a place, of others they do not', () => {
  const one = shelf()
  expect(placeOf(one)).toBe(placeOf(one))
  expect(placeOf(one)).not.toBe(placeOf(one, 'other'))
})

it('asks a target once in a second, and reads everything only where its digest is another', async () => {
  const place = placeOf(shelf())
  const { asked, state, ask } = target()
  const first = await place.current(ask)
  expect(await place.current(ask)).toBe(first)
  expect(asked.mark).toBe(1)
  await vi.advanceTimersByTimeAsync(1000)
  expect(place.isFresh).toBe(false)
  expect(await place.current(ask)).toBe(first)
  state.mark = 'two'
  await vi.advanceTimersByTimeAsync(1000)
  expect(await place.current(ask)).not.toBe(first)
  expect(asked.mark).toBe(3)
})

it('reads everything after a change through the gateway, though the digest is the same', async () => {
  const one = shelf()
  const place = placeOf(one)
  const { ask } = target()
  const first = await place.current(ask)
  one.changed()
  expect(place.isFresh).toBe(false)
  expect(await place.current(ask)).not.toBe(first)
})

it('sessions that ask at once share one reading; where it fails, each asks for itself', async () => {
  const place = placeOf(shelf())
  const { asked, ask } = target()
  const failing: Ask = () => Promise.reject(new Error('gone'))
  const lost = place.current(failing)
  const [second, third] = [place.current(ask), place.current(ask)]
  await expect(lost).rejects.toThrow('gone')
  expect(await second).toBe(await third)
  expect(asked.mark).toBe(1)
})

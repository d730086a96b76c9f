import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { CatalogQuery } from '../../../../src/protocols/postgres/catalog/catalog-mirror.ts'
import { CatalogPlace, CatalogShelf } from '../../../../src/protocols/postgres/catalog/catalog-shelf.ts'
import { SharedDefinitions } from '../../../../src/protocols/postgres/catalog/shared-definitions.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A connection whose target does not answer, and how often it was asked. */
function silent() {
  const asked: (readonly CatalogQuery[])[] = []
  return { asked, ask: (texts: readonly CatalogQuery[]) => new Promise<never>(() => void asked.push(texts)) }
}

it('asks one thing at a time on the connection of whoever reads, however long it takes', async () => {
  const place = new CatalogPlace(new SharedDefinitions())
  const slow = silent()
  void place.read(slow.ask)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(slow.asked).toHaveLength(1)
})

it('leaves it to one of those who wait where the reading hangs, and to the next where that hangs, too', async () => {
  const place = new CatalogPlace(new SharedDefinitions())
  const [first, second, third, fourth] = [silent(), silent(), silent(), silent()]
  const asked = (): number[] => [first, second, third, fourth].map((connection) => connection.asked.length)
  void place.read(first.ask)
  await vi.advanceTimersByTimeAsync(0)
  for (const connection of [second, third, fourth]) void place.read(connection.ask)
  expect(asked()).toEqual([1, 0, 0, 0])
  await vi.advanceTimersByTimeAsync(1500)
  expect(asked()).toEqual([1, 1, 0, 0])
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked()).toEqual([1, 1, 1, 1])
})

it('fails for whoever reads, and not for those who wait', async () => {
  const place = new CatalogPlace(new SharedDefinitions())
  const other = silent()
  const failing = place.read(() => Promise.reject(new Error('gone')))
  const waiting = vi.fn()
  place.read(other.ask).catch(waiting)
  await expect(failing).rejects.toThrow('gone')
  await vi.advanceTimersByTimeAsync(0)
  expect(other.asked).toHaveLength(1)
  expect(waiting).not.toHaveBeenCalled()
})

it('asks a new connection once for all that a login has to know, and counts changes from before that', async () => {
  const shelf = new CatalogShelf()
  const asked: (readonly CatalogQuery[])[] = []
  const find = (target: string, started: string, onAsked = (): void => {}) =>
    shelf.find(target, 'the state', (texts) => {
      asked.push(texts)
      onAsked()
      return Promise.resolve([[[started, '5']], [['700:700:']], [['public']]])
    })
  const first = await find('jane', 'monday')
  expect(asked.map((texts) => [texts.length, texts.at(-1)])).toEqual([[3, 'the state']])
  expect([first.snapshot, first.state, first.seenChanges]).toEqual(['700:700:', ['public'], 0])
  const again = await find('jane', 'monday', () => first.place.definitions.note('anything'))
  expect([again.place === first.place, again.seenChanges, first.place.definitions.changes]).toEqual([true, 0, 1])
  const other = await find('bob', 'monday')
  expect([other.place === first.place, other.place.definitions === first.place.definitions]).toEqual([false, true])
  const restarted = await find('jane', 'tuesday')
  expect([restarted.place === first.place, restarted.place.definitions === first.place.definitions]).toEqual([
    false,
    false,
  ])
})
